import { describe, expect, test } from "bun:test";
import {
  channelSource,
  createCatalogue,
  findSource,
  liveSources,
  replayCatalogue,
  sourceId,
  sourceRow,
  sysmonSource,
} from "./catalogue.ts";
import { liveFields } from "./live-fields.ts";
import type { LogSource } from "./source.ts";

const names = (logsource: LogSource, catalogue = replayCatalogue): string[] => {
  const route = catalogue.route(logsource);
  return "sources" in route ? route.sources.map((id) => sourceRow(id).name) : [`! ${route.reason}`];
};
const linux = createCatalogue({ live: liveSources.linux, platform: "linux" });

describe("routing a rule's log source", () => {
  test("a live rule of keywords for a whole product sees command lines and logs, and has nothing else watched", () => {
    const route = linux.route({ product: "linux" }, true);
    const seen = "sources" in route ? route.sources.map((id) => sourceRow(id).name).sort() : [];
    const logs = ["auth", "clamav", "cron", "guacamole", "sshd", "su", "sudo", "syslog", "vsftpd"];
    expect(seen).toEqual([...logs.map((name) => `linux/${name}`), "linux/process_creation"].sort());
    // With a field it may mean any event, and of a recording every text is searched.
    expect(names({ product: "linux" }, linux)).toContain("linux/file_event");
    expect(names({ product: "linux" }, linux)).not.toContain("linux/auditd");
    expect(replayCatalogue.route({ product: "linux" }, true)).toEqual(replayCatalogue.route({ product: "linux" }));
    expect(linux.route({ product: "linux", category: "file_event" }, true)).toEqual(
      linux.route({ product: "linux", category: "file_event" }),
    );
  });

  test("a category of a product means Sysmon's event and its equivalents of the Security log", () => {
    expect(names({ product: "windows", category: "process_creation" })).toEqual([
      "windows/process_creation",
      "windows/security/4688",
      "any/process_creation",
    ]);
    expect(names({ product: "windows", category: "network_connection" })).toContain("windows/security/5156");
  });

  test("a category can be a class of several Sysmon events", () => {
    expect(names({ product: "windows", category: "registry_event" })).toEqual([
      "windows/registry_add_delete",
      "windows/registry_add",
      "windows/registry_delete",
      "windows/registry_set",
      "windows/registry_rename",
      "windows/security/4657",
      "any/registry_add_delete",
      "any/registry_set",
      "any/registry_rename",
    ]);
    expect(names({ product: "windows", category: "file_delete" })).toContain("windows/file_delete_detected");
    expect(names({ product: "windows", category: "file_delete_detected" })).not.toContain("windows/file_delete");
  });

  test("a service sees every event of its channel, also those with a class of their own", () => {
    expect(names({ product: "windows", service: "security" })).toEqual([
      "windows/security",
      "windows/security/4688",
      "windows/security/4689",
      "windows/security/4657",
      "windows/security/5156",
    ]);
    expect(names({ product: "windows", service: "sysmon" })).toContain("windows/process_creation");
    expect(names({ product: "linux", service: "auth" })).toEqual([
      "linux/auth",
      "linux/sshd",
      "linux/sudo",
      "linux/su",
    ]);
  });

  test("words are compared without case and around no space", () => {
    expect(names({ product: "Windows ", category: "PROCESS_CREATION" })).toEqual(
      names({ product: "windows", category: "process_creation" }),
    );
  });

  test("a rule without product sees the category on every product", () => {
    expect(names({ category: "process_creation" })).toEqual([
      "linux/process_creation",
      "windows/process_creation",
      "windows/security/4688",
      "macos/process_creation",
      "any/process_creation",
    ]);
    expect(names({ category: "antivirus" })).toContain("windows/windefend/antivirus");
  });

  test("a rule for a whole product sees all of it and nothing else", () => {
    const seen = names({ product: "linux" });
    expect(seen).toContain("linux/process_creation");
    expect(seen).toContain("linux/other");
    expect(seen.every((name) => name.startsWith("linux/"))).toBe(true);
  });

  test("rules for sources beyond a host see events of no known source; rules for a host do not", () => {
    expect(names({ product: "aws", service: "cloudtrail" })).toEqual(["other", "aws/cloudtrail"]);
    expect(names({ category: "webserver" })).toEqual([
      "other",
      "generic/webserver/apache",
      "generic/webserver/nginx",
      "generic/webserver",
    ]);
    expect(names({ product: "acme" })).toEqual(["other"]);
    expect(names({ product: "windows" })).not.toContain("other");
  });

  test("an unknown word of a host product is a reason, not silence", () => {
    expect(names({ product: "windows", category: "proces_creation" })).toEqual([
      '! no event source has the category "proces_creation"',
    ]);
    expect(names({ product: "linux", service: "windefend" })).toEqual(["! no event source is linux/windefend"]);
  });

  test("on Linux only what a sensor feeds is live, and the others say why", () => {
    expect(names({ product: "linux", category: "process_creation" }, linux)).toEqual(["linux/process_creation"]);
    expect(names({ category: "process_termination" }, linux)).toEqual(["linux/process_termination"]);
    expect(names({ product: "linux", category: "file_event" }, linux)).toEqual([
      "linux/file_event",
      "linux/file_write",
      "linux/file_rename",
      "linux/io_uring_create",
      "linux/io_uring_rename",
    ]);
    expect(names({ product: "linux", category: "raw_access_thread" }, linux)).toEqual([
      "! no sensor for linux/raw_access_thread in this version",
    ]);
    expect(names({ product: "windows", category: "process_creation" }, linux)).toEqual([
      "! windows/process_creation events do not exist on linux",
    ]);
    expect(names({ product: "aws", service: "cloudtrail" }, linux)).toEqual(["! no sensor reads aws/cloudtrail logs"]);
  });

  test("every live source is in the catalogue and lists its fields", () => {
    for (const name of [...liveSources.linux, ...liveSources.windows]) {
      expect(findSource(name)).toBeDefined();
      expect(Object.keys(liveFields)).toContain(name);
    }
  });
});

describe("the source of a Windows record", () => {
  const channel = (...args: Parameters<typeof channelSource>): string => sourceRow(channelSource(...args)).name;

  test("is its service, or the class of its event id", () => {
    expect(channel("Security", 4624)).toBe("windows/security");
    expect(channel("security", 4688)).toBe("windows/security/4688");
    expect(channel("Microsoft-Windows-PowerShell/Operational", 4104)).toBe("windows/powershell/4104");
    expect(channel("PowerShellCore/Operational", 4103)).toBe("windows/powershell/4103");
    expect(channel("Microsoft-Windows-Sysmon/Operational", 1)).toBe("windows/process_creation");
    expect(channel("MICROSOFT-WINDOWS-SYSMON/OPERATIONAL", 22)).toBe("windows/dns_query");
    expect(channel("Microsoft-Windows-Windows Defender/Operational", 1116)).toBe("windows/windefend/antivirus");
    expect(channel("No such channel", 1)).toBe("windows/other");
  });

  test("tells creation from deletion in Sysmon's event 12, as far as the record says", () => {
    const sysmon = "Microsoft-Windows-Sysmon/Operational";
    expect(channel(sysmon, 12, "CreateKey")).toBe("windows/registry_add");
    expect(channel(sysmon, 12, "DeleteValue")).toBe("windows/registry_delete");
    expect(channel(sysmon, 12, "INFO")).toBe("windows/registry_add_delete");
    expect(channel(sysmon, 12)).toBe("windows/registry_add_delete");
  });

  test("covers every event id that Sysmon has", () => {
    for (let id = 1; id <= 29; id++) expect(sourceRow(sysmonSource("windows", id)).name).not.toBe("windows/sysmon");
    expect(sourceRow(sysmonSource("windows", 255)).name).toBe("windows/sysmon_error");
    expect(sourceRow(sysmonSource("linux", 3)).name).toBe("linux/network_connection");
    expect(sysmonSource("any", 77)).toBeUndefined();
  });
});

describe("fields of live sources", () => {
  const process = sourceId("linux/process_creation");

  test("have a reason when the sensor never fills them", () => {
    expect(linux.fieldReason(process, "Image")).toBeUndefined();
    expect(linux.fieldReason(process, "OriginalFileName")).toBe("Linux executables have no version resource");
    expect(linux.fieldReason(process, "Nonsense")).toBe("linux/process_creation events have no field Nonsense");
  });

  test("may be anything in a recording", () => {
    expect(replayCatalogue.fieldReason(process, "Nonsense")).toBeUndefined();
  });
});

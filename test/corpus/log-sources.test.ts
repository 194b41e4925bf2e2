// Log sources of Sigma, from the words in a rule to an event that it sees: the facts of SigmaHQ's own mapping (which channel and which event ids carry
// a service or a category), Sysmon for Windows and for Linux, auditd; and that no log source of any public rule leads nowhere.

import { describe, expect, test } from "bun:test";
import { loadRuleFiles, parseSigmaFiles } from "../../src/control/rules/mod.ts";
import { Engine, type LogSource, parseSigma } from "../../src/detect/sigma/mod.ts";
import { FieldTable, replayCatalogue } from "../../src/event/mod.ts";
import { JsonNormalizer } from "../../src/normalize/mod.ts";
import { sharedData } from "../data.ts";
import { describeWhere, needsData } from "../needs.ts";

const { route, fieldReason } = replayCatalogue;

/** Whether a rule for this log source sees the event: it asks for a field that the event has. */
function sees({ product, category, service }: LogSource, event: object, field = "Marker"): boolean {
  const parts = Object.entries({ product, category, service }).filter(([, value]) => value !== undefined);
  const logsource = parts.map(([key, value]) => `${key}: '${value}'`).join(", ");
  const text = `title: T\nlogsource: { ${logsource} }\ndetection:\n  sel: { ${field}: here }\n  condition: sel\n`;
  const { rules, diagnostics } = parseSigma(text, "t.yml");
  expect(diagnostics).toEqual([]);
  const slots = new FieldTable();
  const engine = new Engine(rules, { slots, route, fieldReason });
  const record = new JsonNormalizer(slots).normalize(event);
  let count = 0;
  engine.evaluate(record!.source, record!, () => count++);
  return count > 0;
}

/** A record as evtx_dump writes it. */
const windows = (Channel: string, EventID: number, data: object = {}, Provider = "P"): object => ({
  Event: {
    System: { Provider: { "#attributes": { Name: Provider } }, EventID, Channel, Computer: "c" },
    EventData: { Marker: "here", ...data },
  },
});

const sysmonChannel = "Microsoft-Windows-Sysmon/Operational";

/** Category, the event ids of Sysmon for Windows that carry it, and what else tells them apart. */
const sysmon: readonly (readonly [category: string, ids: readonly number[], data?: object])[] = [
  ["process_creation", [1]],
  ["file_change", [2]],
  ["network_connection", [3]],
  ["sysmon_status", [4, 16]],
  ["process_termination", [5]],
  ["driver_load", [6]],
  ["image_load", [7]],
  ["create_remote_thread", [8]],
  ["raw_access_thread", [9]],
  ["process_access", [10]],
  ["file_event", [11]],
  ["registry_event", [12, 13, 14]],
  ["registry_add", [12], { EventType: "CreateKey" }],
  ["registry_delete", [12], { EventType: "DeleteKey" }],
  ["registry_delete", [12], { EventType: "DeleteValue" }],
  ["registry_set", [13]],
  ["registry_rename", [14]],
  ["create_stream_hash", [15]],
  ["pipe_created", [17, 18]],
  ["wmi_event", [19, 20, 21]],
  ["dns_query", [22]],
  ["file_delete", [23]],
  ["clipboard_change", [24]],
  ["process_tampering", [25]],
  ["file_delete_detected", [26]],
  ["file_block_executable", [27]],
  ["file_block_shredding", [28]],
  ["file_executable_detected", [29]],
  ["sysmon_error", [255]],
];

/** Other channels: category, channel, event ids. */
const classes: readonly (readonly [category: string, channel: string, ids: readonly number[]])[] = [
  ["process_creation", "Security", [4688]],
  ["ps_module", "Microsoft-Windows-PowerShell/Operational", [4103]],
  ["ps_script", "Microsoft-Windows-PowerShell/Operational", [4104]],
  ["ps_module", "PowerShellCore/Operational", [4103]],
  ["ps_script", "PowerShellCore/Operational", [4104]],
  ["ps_classic_start", "Windows PowerShell", [400]],
  ["ps_classic_provider_start", "Windows PowerShell", [600]],
  ["ps_classic_script", "Windows PowerShell", [800]],
  [
    "antivirus",
    "Microsoft-Windows-Windows Defender/Operational",
    [1006, 1007, 1008, 1009, 1010, 1011, 1012, 1017, 1018, 1019, 1115, 1116],
  ],
];

const ms = (name: string): string => `Microsoft-Windows-${name}`;

/** Service and the channels that are it. */
const services: Readonly<Record<string, readonly string[]>> = {
  application: ["Application"],
  security: ["Security"],
  system: ["System"],
  ntlm: [ms("NTLM/Operational")],
  sysmon: [sysmonChannel],
  powershell: [ms("PowerShell/Operational"), "PowerShellCore/Operational"],
  "powershell-classic": ["Windows PowerShell"],
  taskscheduler: [ms("TaskScheduler/Operational")],
  wmi: [ms("WMI-Activity/Operational")],
  dhcp: [ms("DHCP-Server/Operational")],
  "printservice-admin": [ms("PrintService/Admin")],
  "printservice-operational": [ms("PrintService/Operational")],
  "smbclient-security": [ms("SmbClient/Security")],
  "smbclient-connectivity": [ms("SmbClient/Connectivity")],
  "smbserver-connectivity": [ms("SMBServer/Connectivity")],
  "terminalservices-localsessionmanager": [ms("TerminalServices-LocalSessionManager/Operational")],
  "codeintegrity-operational": [ms("CodeIntegrity/Operational")],
  applocker: [
    ms("AppLocker/MSI and Script"),
    ms("AppLocker/EXE and DLL"),
    ms("AppLocker/Packaged app-Deployment"),
    ms("AppLocker/Packaged app-Execution"),
  ],
  "msexchange-management": ["MSExchange Management"],
  windefend: [ms("Windows Defender/Operational")],
  "firewall-as": [ms("Windows Firewall With Advanced Security/Firewall")],
  "bits-client": [ms("Bits-Client/Operational")],
  "security-mitigations": [ms("Security-Mitigations/Kernel Mode"), ms("Security-Mitigations/User Mode")],
  "diagnosis-scripted": [ms("Diagnosis-Scripted/Operational")],
  "shell-core": [ms("Shell-Core/Operational")],
  openssh: ["OpenSSH/Operational"],
  ldap: [ms("LDAP-Client/Debug")],
  bitlocker: [ms("BitLocker/BitLocker Management")],
  vhdmp: [ms("VHDMP/Operational")],
  "appxdeployment-server": [ms("AppXDeploymentServer/Operational")],
  "lsa-server": [ms("LSA/Operational")],
  "appxpackaging-om": [ms("AppxPackaging/Operational")],
  "dns-client": [ms("DNS Client Events/Operational")],
  "dns-server": ["DNS Server"],
  "dns-server-analytic": [ms("DNS-Server/Analytical")],
  "driver-framework": [ms("DriverFrameworks-UserMode/Operational")],
  "appmodel-runtime": [ms("AppModel-Runtime/Admin")],
  capi2: [ms("CAPI2/Operational")],
  "certificateservicesclient-lifecycle-system": [ms("CertificateServicesClient-Lifecycle-System/Operational")],
  "kernel-shimengine": [ms("Kernel-ShimEngine/Operational"), ms("Kernel-ShimEngine/Diagnostic")],
  "application-experience": [
    ms("Application-Experience/Program-Telemetry"),
    ms("Application-Experience/Program-Compatibility-Assistant"),
  ],
  ntfs: [ms("Ntfs/Operational")],
  "hyper-v-worker": [ms("Hyper-V-Worker")],
  "kernel-event-tracing": [ms("Kernel-EventTracing")],
  sense: [ms("SENSE/Operational")],
  "servicebus-client": ["Microsoft-ServiceBus-Client/Admin", "Microsoft-ServiceBus-Client/Operational"],
  "microsoft-servicebus-client": ["Microsoft-ServiceBus-Client/Operational"],
  "iis-configuration": ["Microsoft-IIS-Configuration/Operational"],
};

describe("on Windows", () => {
  test("every category of Sysmon sees its event ids, with and without a service, and no others", () => {
    const isUnclear = (category: string, id: number): boolean =>
      sysmon.some(([other, ids]) => other === category && ids.includes(id)) ||
      // By the specification's classes: what was deleted is deleted, and all of the registry is the registry.
      (category === "file_delete" && id === 26) ||
      (category.startsWith("registry_") && id >= 12 && id <= 14);
    for (const [category, ids, data] of sysmon) {
      for (const id of ids) {
        const event = windows(sysmonChannel, id, data);
        expect([category, id, sees({ product: "windows", category }, event)]).toEqual([category, id, true]);
        expect([category, id, sees({ category }, event)]).toEqual([category, id, true]);
        expect(sees({ product: "windows", category, service: "sysmon" }, event)).toBe(true);
        expect(sees({ product: "windows", service: "sysmon" }, event)).toBe(true);
        expect(sees({ product: "linux", category }, event)).toBe(false);
      }
      for (const [other, otherIds, otherData] of sysmon) {
        if (other === category || otherIds.some((id) => isUnclear(category, id))) continue;
        expect([
          category,
          other,
          sees({ product: "windows", category }, windows(sysmonChannel, otherIds[0]!, otherData)),
        ]).toEqual([category, other, false]);
      }
    }
  });

  test("the kinds of registry events are told apart by what they say", () => {
    const event = (EventType: string): object => windows(sysmonChannel, 12, { EventType });
    expect(sees({ product: "windows", category: "registry_add" }, event("DeleteKey"))).toBe(false);
    expect(sees({ product: "windows", category: "registry_delete" }, event("CreateKey"))).toBe(false);
    expect(sees({ product: "windows", category: "registry_set" }, event("CreateKey"))).toBe(false);
  });

  test("every category of another log sees its event ids in that log only", () => {
    for (const [category, channel, ids] of classes) {
      for (const id of ids) {
        const logsource = category === "antivirus" ? { category } : { product: "windows", category };
        expect([category, id, sees(logsource, windows(channel, id))]).toEqual([category, id, true]);
        expect([category, id, sees(logsource, windows("Nobody/Operational", id))]).toEqual([category, id, false]);
      }
      expect([category, sees({ product: "windows", category }, windows(channel, 9))]).toEqual([category, false]);
    }
  });

  test("every service sees all of its channels, written in any case, and nobody else's", () => {
    for (const [service, channels] of Object.entries(services)) {
      for (const channel of channels) {
        for (const name of [channel, channel.toUpperCase()]) {
          expect([service, name, sees({ product: "windows", service }, windows(name, 4242))]).toEqual([
            service,
            name,
            true,
          ]);
        }
      }
      expect([service, sees({ product: "windows", service }, windows("Nobody/Operational", 4242))]).toEqual([
        service,
        false,
      ]);
      const [foreign] = Object.entries(services).find(
        ([other, list]) => other !== service && !list.some((one) => channels.includes(one)),
      )![1];
      expect([service, sees({ product: "windows", service }, windows(foreign!, 4242))]).toEqual([service, false]);
    }
  });

  test("records of Security and Defender have the names that rules ask for", () => {
    const process = windows("Security", 4688, { NewProcessName: "here", ParentProcessName: "here" });
    const category = "process_creation";
    expect(sees({ product: "windows", category }, process, "Image")).toBe(true);
    expect(sees({ product: "windows", category }, process, "ParentImage")).toBe(true);
    const threat = windows(ms("Windows Defender/Operational"), 1116, { "Threat Name": "here", Path: "here" });
    const spelt = windows(ms("Windows Defender/Operational"), 1116, { ThreatName: "here", Path: "here" });
    expect(sees({ category: "antivirus" }, spelt, "Signature")).toBe(true);
    expect(sees({ category: "antivirus" }, threat, "Filename")).toBe(true);
  });
});

describe("on Linux", () => {
  const linux = (EventID: number): object => ({
    Event: {
      System: {
        Provider: { "#attributes": { Name: "Linux-Sysmon" } },
        EventID,
        Channel: "Linux-Sysmon/Operational",
        Computer: "c",
      },
      EventData: { Marker: "here" },
    },
  });

  test("every event of Sysmon for Linux is its category, with and without a service", () => {
    for (const [category, id] of [
      ["process_creation", 1],
      ["network_connection", 3],
      ["sysmon_status", 4],
      ["process_termination", 5],
      ["raw_access_thread", 9],
      ["process_access", 10],
      ["file_event", 11],
      ["sysmon_status", 16],
      ["file_delete", 23],
    ] as const) {
      expect([category, sees({ product: "linux", category }, linux(id))]).toEqual([category, true]);
      expect([category, sees({ category }, linux(id))]).toEqual([category, true]);
      expect(sees({ product: "linux", service: "sysmon" }, linux(id))).toBe(true);
      expect(sees({ product: "windows", category }, linux(id))).toBe(false);
    }
  });

  test("auditd and the logs of programs are what they say they are", () => {
    for (const service of ["auditd", "auth", "syslog", "sshd", "sudo", "cron", "clamav", "vsftpd", "guacamole"]) {
      const event = { product: "linux", service, Marker: "here" };
      expect([service, sees({ product: "linux", service }, event)]).toEqual([service, true]);
      expect([service, sees({ product: "windows" }, event)]).toEqual([service, false]);
    }
    expect(sees({ product: "linux", service: "auditd" }, { auditd: { log: {} }, Marker: "here" })).toBe(true);
  });
});

describeWhere("the log sources of all public rules", [needsData("sigma")], () => {
  const { rules } = parseSigmaFiles(loadRuleFiles([sharedData("sigma") ?? ""], new Set(["sigma"])), {});
  const all = new Map(
    rules.map(({ logsource: { product, category, service } }) => [
      `${product ?? ""}/${category ?? ""}/${service ?? ""}`,
      { product, category, service },
    ]),
  );

  /** Log sources that no recorded event can be told to be of, each with the reason. */
  const impossible: Readonly<Record<string, string>> = {};

  test("all lead to a source, and a recorded event reaches the rules of each", () => {
    expect(all.size).toBeGreaterThan(100);
    const lost: string[] = [];
    for (const [name, { product, category, service }] of all) {
      const logsource: LogSource = {
        ...(product && { product }),
        ...(category && { category }),
        ...(service && { service }),
      };
      const words = { logsource, Marker: "here" };
      const [channel] = services[service ?? ""] ?? [];
      const byChannel = product === "windows" && channel !== undefined ? windows(channel, 4242) : undefined;
      const ids = sysmon.find(([one]) => one === category)?.[1];
      const bySysmon = product === "windows" && ids !== undefined ? windows(sysmonChannel, ids[0]!) : undefined;
      const reached =
        "sources" in route(logsource) &&
        [words, byChannel, bySysmon].every((event) => event === undefined || sees(logsource, event));
      if (reached === Object.hasOwn(impossible, name)) lost.push(name);
    }
    expect(lost).toEqual([]);
  });

  test("of Windows are all told apart by channel or event id", () => {
    const categories = new Set([...sysmon.map(([category]) => category), ...classes.map(([category]) => category)]);
    // Rules for what Sysmon has no event for: told by the words of a record, or by a sensor.
    const own = new Set(["file_access", "file_rename"]);
    const windowsOnly = [...all.values()].filter(({ product }) => product === "windows");
    const unknown = windowsOnly.filter(
      ({ category, service }) =>
        (category !== undefined && !categories.has(category) && !own.has(category)) ||
        (service !== undefined && services[service] === undefined),
    );
    expect(unknown).toEqual([]);
  });
});

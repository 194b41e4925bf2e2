import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FieldTable, sourceRow } from "../../event/mod.ts";
import { JsonNormalizer } from "./normalizer.ts";
import type { RecordedEvent } from "./recorded-event.ts";

const table = new FieldTable();
const normalizer = new JsonNormalizer(table);
const read = (record: unknown): RecordedEvent => {
  // Through text, as a recording is: the normalizer takes the parsed value over.
  const event = normalizer.normalize(JSON.parse(JSON.stringify(record)));
  if (event === undefined) throw new Error("Cannot normalize the record");
  return event;
};
const source = (event: RecordedEvent): string => sourceRow(event.source).name;
const get = (event: RecordedEvent, name: string) => event.get(table.slot(name));

describe("a flat Sysmon-style record", () => {
  const record = {
    Channel: "Microsoft-Windows-Sysmon/Operational",
    SourceName: "Microsoft-Windows-Sysmon",
    EventID: 1,
    UtcTime: "2020-10-19 02:56:11.095",
    "@timestamp": "2020-10-19T07:00:00.000Z",
    EventTime: "2020-10-18 22:56:11",
    Hostname: "WORKSTATION5",
    RecordNumber: 309429,
    Image: "C:\\Windows\\System32\\cmd.exe",
    CommandLine: "cmd /c whoami",
    ProcessId: "1072",
    RuleName: "-",
  };
  const event = read(record);

  test("is what its channel and event id say", () => {
    expect(source(event)).toBe("windows/process_creation");
    expect(event.kind).toBe("process_start");
    expect(event.origin).toMatchObject({ host: "WORKSTATION5", product: "windows", recordId: "309429", code: "1" });
    expect(event.origin.provider).toBe("Microsoft-Windows-Sysmon");
  });

  test("happened when Sysmon says, not when it was collected", () => {
    expect(event.timeMs).toBe(Date.parse("2020-10-19T02:56:11.095Z"));
  });

  test("keeps the type of every value, and `-` is a value", () => {
    expect(get(event, "EventID")).toBe(1);
    expect(get(event, "ProcessId")).toBe("1072");
    expect(get(event, "RuleName")).toBe("-");
    expect(get(event, "Nothing")).toBeUndefined();
  });

  test("has the provider's name as rules call it", () => {
    expect(get(event, "Provider_Name")).toBe("Microsoft-Windows-Sysmon");
  });

  test("shows every value as text to keywords, and no key", () => {
    const texts: string[] = [];
    read({ EventID: 1, Image: "a", list: ["b", { deep: ["c", 4] }], yes: true, none: null }).eachText((text) =>
      texts.push(text),
    );
    expect(texts).toEqual(["1", "a", "b", "c", "4", "true"]);
  });

  test("leaves out no text that is long enough, whatever it is of", () => {
    const numbers = [0, 7, -7, 1.5, 99_999_999, 999_999_999, 1e9, 4_294_967_295, 4_294_967_296, -1e9, 1e21, 0.1 + 0.2];
    const record = {
      EventID: 1,
      ...Object.fromEntries(numbers.map((n, i) => [`n${i}`, n])),
      a: "abcdefghij",
      b: ["xy"],
    };
    const texts: string[] = [];
    read(record).eachText((text) => texts.push(text));
    expect(texts).toHaveLength(numbers.length + 3);
    for (let lengthMin = 0; lengthMin < 24; lengthMin++) {
      const found: string[] = [];
      read(record).eachText((text) => found.push(text), lengthMin);
      expect(found.filter(({ length }) => length >= lengthMin)).toEqual(
        texts.filter(({ length }) => length >= lengthMin),
      );
    }
  });
});

describe("evtx_dump's JSON", () => {
  const system = {
    Provider: { "#attributes": { Name: "Microsoft-Windows-Sysmon", Guid: "5770385F" } },
    EventID: 13,
    Level: 4,
    Keywords: "0x8000000000000000",
    TimeCreated: { "#attributes": { SystemTime: "2025-11-26T05:11:27.927125Z" } },
    EventRecordID: 142649,
    Channel: "Microsoft-Windows-Sysmon/Operational",
    Computer: "host-a",
  };

  test("is flattened, with the facts of its System element", () => {
    const event = read({
      Event: {
        "#attributes": {},
        System: system,
        EventData: { TargetObject: "HKLM\\X", Details: "1", UtcTime: "2025-11-26 05:11:27.908" },
      },
    });
    expect(source(event)).toBe("windows/registry_set");
    expect(get(event, "TargetObject")).toBe("HKLM\\X");
    expect(get(event, "EventID")).toBe(13);
    expect(get(event, "Provider_Name")).toBe("Microsoft-Windows-Sysmon");
    expect(event.timeMs).toBe(Date.parse("2025-11-26T05:11:27.908Z"));
    expect(event.origin).toMatchObject({ host: "host-a", recordId: "142649" });
  });

  test("takes the System element's time when the data has none, to the microsecond", () => {
    const event = read({
      Event: {
        System: { ...system, Channel: "System", EventID: { "#text": 7045, "#attributes": { Qualifiers: 16384 } } },
        EventData: { ServiceName: "x" },
      },
    });
    expect(event.timeMs).toBe(Date.parse("2025-11-26T05:11:27.927Z") + 0.125);
    expect(get(event, "EventID")).toBe(7045);
    expect(source(event)).toBe("windows/system");
  });

  test("squeezes names with blanks", () => {
    const event = read({
      Event: {
        System: { ...system, Channel: "Microsoft-Windows-Windows Defender/Operational", EventID: 1116 },
        EventData: { "Threat Name": "EICAR", Path: "file:_C:\\x" },
      },
    });
    expect(source(event)).toBe("windows/windefend/antivirus");
    expect(get(event, "ThreatName")).toBe("EICAR");
    expect(get(event, "Signature")).toBe("EICAR");
  });

  test("reads unnamed data as the field Data, one value or several", () => {
    const classic = { ...system, Channel: "Windows PowerShell", EventID: 400 };
    const several = read({
      Event: { System: classic, EventData: { Data: { "#text": ["Available", "HostName=ConsoleHost"] }, Binary: null } },
    });
    expect(source(several)).toBe("windows/powershell-classic/400");
    expect(get(several, "Data")).toEqual(["Available", "HostName=ConsoleHost"]);
    expect(get(read({ Event: { System: classic, EventData: { Data: "one" } } }), "Data")).toBe("one");
    expect(get(read({ Event: { System: classic, EventData: { Data: ["a", "b"] } } }), "Data")).toEqual(["a", "b"]);
  });

  test("numbers named data whose name comes again, as the reader of event logs does", () => {
    const names = ["A", "A", "A_1", "A", "constructor"];
    const element = (name: string, index: number) => ({ "@Name": name, "#text": "abcde"[index] });
    const event = read({ Event: { System: system, EventData: { Data: names.map(element) } } });
    const expected = { A: "a", A_1: "b", A_1_1: "c", A_2: "d", constructor: "e" };
    expect(Object.fromEntries(Object.keys(expected).map((name) => [name, get(event, name)]))).toEqual(expected);
  });

  test("reads named data of converters that keep the elements", () => {
    const event = read({
      Event: {
        System: { ...system, EventID: 1 },
        EventData: {
          Data: [
            { "@Name": "Image", "#text": "C:\\a.exe" },
            { "#attributes": { Name: "CommandLine" }, "#text": "a" },
          ],
        },
      },
    });
    expect(get(event, "Image")).toBe("C:\\a.exe");
    expect(get(event, "CommandLine")).toBe("a");
  });

  test("reads attributes that stand beside their element", () => {
    const event = read({
      Event: {
        System: {
          EventID: 4624,
          Channel: "Security",
          Provider_attributes: { Name: "Microsoft-Windows-Security-Auditing" },
          TimeCreated_attributes: { SystemTime: "2020-01-01T00:00:00Z" },
        },
        EventData: {},
      },
    });
    expect(get(event, "Provider_Name")).toBe("Microsoft-Windows-Security-Auditing");
    expect(event.timeMs).toBe(Date.parse("2020-01-01T00:00:00Z"));
  });

  test("takes the leaves of UserData", () => {
    const event = read({
      Event: {
        System: { ...system, Channel: "Security", EventID: 1102 },
        UserData: { LogFileCleared: { "#attributes": {}, SubjectUserName: "mallory" } },
      },
    });
    expect(get(event, "SubjectUserName")).toBe("mallory");
  });
});

describe("an event log's record", () => {
  const cleared = {
    Provider: { "#attributes": { Name: "Microsoft-Windows-Eventlog" } },
    EventID: 104,
    Level: 4,
    TimeCreated: { "#attributes": { SystemTime: "2020-01-02T03:04:05.000678Z" } },
    EventRecordID: 9,
    Channel: "System",
    Computer: "pc",
  };
  const asEvtx = () => ({
    fields: {
      Channel: "Windows PowerShell",
      Computer: "pc",
      EventRecordID: 9,
      Level: 4,
      EventID: 104,
      Provider_Name: "Microsoft-Windows-Eventlog",
      BackupPath: null,
    },
    channel: "System",
    provider: "Microsoft-Windows-Eventlog",
    computer: "pc",
    eventId: 104,
    recordId: "9",
    timeMs: Date.UTC(2020, 0, 2, 3, 4, 5) + 0.678,
    sizeBytes: 100,
  });

  test("belongs to the channel that has it, not to the one that its data names, from JSON and from EVTX", () => {
    const fromJson = normalizer.normalize({
      Event: { System: cleared, UserData: { LogFileCleared: { Channel: "Windows PowerShell", BackupPath: null } } },
    });
    const fromEvtx = normalizer.normalizeEvtx(asEvtx());
    expect(fromJson?.fields).toEqual(fromEvtx.fields);
    for (const event of [fromJson, fromEvtx]) {
      expect(event?.fields.Channel).toBe("Windows PowerShell");
      expect(sourceRow(event?.source ?? 0).name).toStartWith("windows/system");
      expect(event?.timeMs).toBe(Date.UTC(2020, 0, 2, 3, 4, 5) + 0.678);
      expect(event?.origin).toMatchObject({ host: "pc", recordId: "9", code: "104", product: "windows" });
    }
  });

  test("is the same event after it was packed", () => {
    const event = normalizer.normalizeEvtx(asEvtx());
    const again = normalizer.unpack(normalizer.pack(event), event.timeMs);
    expect(again).toEqual(event);
    const before1970 = normalizer.normalizeEvtx({ ...asEvtx(), timeMs: -1 });
    expect(before1970.undated).toBe(true);
    expect(normalizer.unpack(normalizer.pack(before1970), 5)).toMatchObject({ undated: true, timeMs: 5 });
  });
});

describe("winlogbeat's documents", () => {
  const document = {
    "@timestamp": "2021-05-01T10:00:00.000Z",
    host: { name: "wks" },
    event: { code: "1", provider: "Microsoft-Windows-Sysmon" },
    winlog: {
      channel: "Microsoft-Windows-Sysmon/Operational",
      event_id: 1,
      record_id: 77,
      computer_name: "wks.example",
      provider_name: "Microsoft-Windows-Sysmon",
      event_data: { Image: "C:\\a.exe", CommandLine: "a", UtcTime: "2021-05-01 09:59:59.000" },
    },
  };

  test("are flattened from event_data", () => {
    const event = read(document);
    expect(source(event)).toBe("windows/process_creation");
    expect(get(event, "Image")).toBe("C:\\a.exe");
    expect(get(event, "Computer")).toBe("wks.example");
    expect(event.timeMs).toBe(Date.parse("2021-05-01T09:59:59Z"));
    expect(event.origin.recordId).toBe("77");
  });

  test("are read in their envelope, and with dotted keys", () => {
    expect(source(read({ _index: "x", _source: document }))).toBe("windows/process_creation");
    const dotted = read({
      "@timestamp": "2021-05-01T10:00:00Z",
      "winlog.channel": "Security",
      "winlog.event_id": 4624,
      "winlog.event_data.TargetUserName": "eve",
    });
    expect(source(dotted)).toBe("windows/security");
    expect(get(dotted, "TargetUserName")).toBe("eve");
  });

  test("give back what the Sysmon module moved to ECS", () => {
    const event = read({
      ...document,
      process: {
        executable: "C:\\moved.exe",
        args: ["moved", "x"],
        pid: 12,
        parent: { executable: "C:\\p.exe" },
        pe: { original_file_name: "M.EXE" },
        hash: { sha256: "ab" },
      },
      winlog: { ...document.winlog, event_data: {} },
    });
    expect(get(event, "Image")).toBe("C:\\moved.exe");
    expect(get(event, "CommandLine")).toBe("moved x");
    expect(get(event, "ParentImage")).toBe("C:\\p.exe");
    expect(get(event, "OriginalFileName")).toBe("M.EXE");
    expect(get(event, "Hashes")).toBe("SHA256=ab");
  });

  test("number their unnamed data", () => {
    const event = read({
      winlog: { channel: "Windows PowerShell", event_id: 400, event_data: { param1: "a", param2: "b" } },
    });
    expect(get(event, "Data")).toEqual(["a", "b"]);
  });
});

describe("ECS events of a Linux host", () => {
  const exec = {
    "@timestamp": "2022-02-02T02:02:02.500Z",
    event: { category: ["process"], type: ["start"], action: "exec", module: "endpoint" },
    host: { name: "web1", os: { type: "linux" } },
    user: { name: "www-data" },
    process: {
      executable: "/usr/bin/curl",
      command_line: "curl x",
      pid: 9,
      working_directory: "/tmp",
      entity_id: "E",
      parent: { executable: "/bin/sh", command_line: "sh", pid: 8 },
    },
  };

  test("become Sysmon's fields", () => {
    const event = read(exec);
    expect(source(event)).toBe("linux/process_creation");
    expect([
      get(event, "Image"),
      get(event, "CommandLine"),
      get(event, "ParentImage"),
      get(event, "User"),
      get(event, "CurrentDirectory"),
      get(event, "ProcessId"),
    ]).toEqual(["/usr/bin/curl", "curl x", "/bin/sh", "www-data", "/tmp", 9]);
    expect(event.origin).toMatchObject({ host: "web1", product: "linux" });
  });

  test("are told apart by category and type; a fork is no process creation", () => {
    expect(source(read({ ...exec, event: { category: "process", type: ["end"] } }))).toBe("linux/process_termination");
    expect(source(read({ ...exec, event: { category: ["process"], type: ["start"], action: "fork" } }))).toBe(
      "linux/other",
    );
    expect(source(read({ ...exec, event: { category: ["file"], type: ["creation"] }, file: { path: "/etc/x" } }))).toBe(
      "linux/file_event",
    );
    expect(
      source(
        read({ ...exec, event: { category: ["network"], type: ["start"] }, destination: { ip: "1.2.3.4", port: 80 } }),
      ),
    ).toBe("linux/network_connection");
    expect(source(read({ ...exec, event: { category: ["network"] }, dns: { question: { name: "x.test" } } }))).toBe(
      "linux/dns_query",
    );
  });

  test("can be asked by their ECS names too", () => {
    expect(get(read(exec), "process.parent.command_line")).toBe("sh");
    expect(get(read(exec), "process.parent.nothing.more")).toBeUndefined();
    const texts: string[] = [];
    read({ ...exec, labels: { note: "needle" } }).eachText((text) => texts.push(text));
    expect(texts).toContain("needle");
  });

  test("of auditd keep auditd's fields", () => {
    const event = read({
      "@timestamp": "2022-02-02T02:02:02Z",
      event: { module: "auditd" },
      host: { os: { family: "debian" } },
      auditd: { data: { syscall: "execve", a0: "rm" } },
    });
    expect(source(event)).toBe("linux/auditd");
    expect(get(event, "a0")).toBe("rm");
  });
});

describe("other records", () => {
  test("Sigil's own alerts are events again", () => {
    const event = read({
      "@timestamp": "2026-01-01T00:00:00.000Z",
      event: { kind: "alert", module: "sigil", code: "1" },
      host: { name: "n", os: { type: "linux" } },
      sigil: { engine: "sigma", event: { Image: "/bin/nc", CommandLine: "nc -e", EventID: "1" } },
    });
    expect(source(event)).toBe("linux/process_creation");
    expect(get(event, "CommandLine")).toBe("nc -e");
  });

  test("Sysmon for Linux is Linux", () => {
    expect(source(read({ Channel: "Linux-Sysmon/Operational", EventID: 1, Image: "/bin/sh" }))).toBe(
      "linux/process_creation",
    );
    expect(
      source(
        read({
          Event: {
            System: {
              Provider: { "#attributes": { Name: "Linux-Sysmon" } },
              EventID: 3,
              Channel: "Linux-Sysmon/Operational",
            },
            EventData: {},
          },
        }),
      ),
    ).toBe("linux/network_connection");
  });

  test("a record without channel is told by its fields and the look of its paths", () => {
    expect(source(read({ EventID: 1, Image: "/usr/bin/id", CommandLine: "id" }))).toBe("linux/process_creation");
    expect(source(read({ EventID: "1", Image: "C:\\x.exe" }))).toBe("windows/process_creation");
    expect(source(read({ Image: "curl", CommandLine: "curl" }))).toBe("any/process_creation");
    expect(source(read({ TargetFilename: "/etc/cron.d/x", Image: "/bin/sh" }))).toBe("linux/file_event");
    expect(source(read({ EventID: 4688, NewProcessName: "C:\\x.exe" }))).toBe("windows/security/4688");
  });

  test("a record can name its log source", () => {
    expect(source(read({ product: "linux", category: "process_creation", Image: "x" }))).toBe("linux/process_creation");
    expect(source(read({ logsource: { product: "aws", service: "cloudtrail" }, eventName: "x" }))).toBe(
      "aws/cloudtrail",
    );
    expect(source(read({ category: "proxy", "c-uri": "/" }))).toBe("generic/proxy");
  });

  test("anything else is the source `other`", () => {
    expect(source(read({ hello: "world" }))).toBe("other");
    expect(normalizer.normalize("text")).toBeUndefined();
    expect(normalizer.normalize([1])).toBeUndefined();
    expect(normalizer.normalize(null)).toBeUndefined();
  });

  test("names that objects inherit are no fields", () => {
    const event = normalizer.normalize(JSON.parse('{"EventID":1,"Image":"C:\\\\x","hasOwnProperty":"mine"}'))!;
    for (const name of ["constructor", "__proto__", "toString", "valueOf"]) expect(get(event, name)).toBeUndefined();
    expect(get(event, "hasOwnProperty")).toBe("mine");
  });
});

describe("Security log records that Sysmon has too", () => {
  test("4688 is a process creation under Sysmon's names, and keeps its own", () => {
    const event = read({
      Channel: "Security",
      EventID: 4688,
      NewProcessName: "C:\\new.exe",
      ParentProcessName: "C:\\old.exe",
      CommandLine: "new",
      ProcessId: "0x1efc",
      SubjectUserName: "bob",
      SubjectDomainName: "ACME",
      TargetUserName: "-",
      MandatoryLabel: "S-1-16-12288",
      SubjectLogonId: "0x3e7",
    });
    expect(event.kind).toBe("process_start");
    expect([
      get(event, "Image"),
      get(event, "ParentImage"),
      get(event, "User"),
      get(event, "IntegrityLevel"),
      get(event, "LogonId"),
    ]).toEqual(["C:\\new.exe", "C:\\old.exe", "ACME\\bob", "High", "0x3e7"]);
    expect(get(event, "NewProcessName")).toBe("C:\\new.exe");
    expect(get(event, "ProcessId")).toBe("0x1efc");
  });

  test("5156 is a network connection, 4657 a registry event", () => {
    const connection = read({
      Channel: "Security",
      EventID: 5156,
      DestAddress: "1.2.3.4",
      DestPort: "443",
      Direction: "%%14593",
      Application: "\\device\\x",
    });
    expect([
      get(connection, "DestinationIp"),
      get(connection, "DestinationPort"),
      get(connection, "Initiated"),
    ]).toEqual(["1.2.3.4", "443", "true"]);
    const registry = read({
      Channel: "Security",
      EventID: 4657,
      ObjectName: "\\REGISTRY\\MACHINE\\SOFTWARE\\X",
      ObjectValueName: "Run",
      NewValue: "evil",
    });
    expect([get(registry, "TargetObject"), get(registry, "Details")]).toEqual(["HKLM\\SOFTWARE\\X\\Run", "evil"]);
  });
});

describe("hostile records", () => {
  test("no JSON value makes it throw, and every event can be read whole", () => {
    const names = [
      "Event",
      "System",
      "EventData",
      "UserData",
      "winlog",
      "event_data",
      "event",
      "category",
      "process",
      "sigil",
      "_source",
      "Data",
      "#text",
      "#attributes",
      "__proto__",
      "EventID",
      "Channel",
      "Provider",
      "@timestamp",
      "logsource",
      "host",
      "auditd",
      "winlog.channel",
    ];
    const leaf = fc.oneof(
      fc.string(),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.constantFrom("1", "process", "Security", "Microsoft-Windows-Sysmon/Operational"),
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 5 },
        leaf,
        fc.array(tie("tree"), { maxLength: 3 }),
        fc.dictionary(fc.oneof(fc.constantFrom(...names), fc.string()), tie("tree"), { maxKeys: 5 }),
      ),
    }));
    fc.assert(
      fc.property(tree, (value) => {
        const event = normalizer.normalize(JSON.parse(JSON.stringify(value)));
        if (event === undefined) return;
        event.eachText(() => {});
        for (const name of [...names, "Image", "process.parent.name", "a.b.c"]) event.get(table.slot(name));
        expect(Number.isFinite(event.timeMs)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test("deep nesting does not exhaust the stack", () => {
    const deep = (open: string, close: string) =>
      normalizer.normalize(JSON.parse(`{"EventID":1,"Image":"x","Data":${open.repeat(5000)}1${close.repeat(5000)}}`))!;
    deep("[", "]").eachText(() => {});
    deep('{"a":', "}").eachText(() => {});
    const envelopes = JSON.parse(`${'{"_source":{"result":'.repeat(2000)}1${"}}".repeat(2000)}`);
    expect(sourceRow(normalizer.normalize(envelopes)!.source).name).toBe("other");
  });
});

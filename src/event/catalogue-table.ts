// Every class of events that Sigil knows, as data: which log sources of Sigma rules see it, and (for Windows) the event log
// channel and event ids that carry it. A row is an atom: no rule sees only a part of one. Sources of the facts: the log
// source taxonomy of the Sigma specification, Sysmon's event ids, and the names of Windows event log channels.

import type { EventKind } from "./event.ts";

/** One row. A rule's log source names it when every part that the rule gives (product, category, service) is in the row. */
export interface SourceRow {
  /** Unique: `linux/process_creation`, `windows/security/4688`. */
  readonly name: string;
  /** `*` stands for any product, "" for none (rules that name a product do not see it). */
  readonly product: string;
  readonly categories: readonly string[];
  readonly services: readonly string[];
  readonly kind: EventKind;
}

const row = (name: string, product: string, categories: string, services: string, kind: EventKind): SourceRow => ({
  name,
  product,
  categories: categories === "" ? [] : categories.split(" "),
  services: services === "" ? [] : services.split(" "),
  kind,
});

/** Sysmon for Windows: `event ids`, name below `windows/` (`sysmon/…` when the id has no category of its own), categories, kind. */
const sysmon: readonly (readonly [ids: readonly number[], name: string, categories: string, kind: EventKind])[] = [
  [[1], "process_creation", "process_creation", "process_start"],
  [[2], "file_change", "file_change", "file_change"],
  [[3], "network_connection", "network_connection", "network_connect"],
  [[4, 16], "sysmon_status", "sysmon_status", "other"],
  [[5], "process_termination", "process_termination", "process_end"],
  [[6], "driver_load", "driver_load", "driver_load"],
  [[7], "image_load", "image_load", "image_load"],
  [[8], "create_remote_thread", "create_remote_thread", "process_change"],
  [[9], "raw_access_thread", "raw_access_thread", "process_access"],
  [[10], "process_access", "process_access", "process_access"],
  [[11], "file_event", "file_event", "file_create"],
  // Event 12 is told apart by its EventType; without one it is seen by the rules for both.
  [[12], "registry_add_delete", "registry_add registry_delete registry_event", "registry_change"],
  [[], "registry_add", "registry_add registry_event", "registry_create"],
  [[], "registry_delete", "registry_delete registry_event", "registry_delete"],
  [[13], "registry_set", "registry_set registry_event", "registry_change"],
  [[14], "registry_rename", "registry_rename registry_event", "registry_change"],
  [[15], "create_stream_hash", "create_stream_hash", "file_create"],
  [[17, 18], "pipe_created", "pipe_created", "pipe_create"],
  [[19, 20, 21], "wmi_event", "wmi_event", "other"],
  [[22], "dns_query", "dns_query", "dns_query"],
  [[23], "file_delete", "file_delete", "file_delete"],
  [[24], "clipboard_change", "clipboard_change clipboard_capture", "other"],
  [[25], "process_tampering", "process_tampering", "process_change"],
  [[26], "file_delete_detected", "file_delete_detected file_delete", "file_delete"],
  [[27], "file_block_executable", "file_block_executable", "file_create"],
  [[28], "file_block_shredding", "file_block_shredding", "file_delete"],
  [[29], "file_executable_detected", "file_executable_detected", "file_create"],
  [[255], "sysmon_error", "sysmon_error", "other"],
];

/** Services that are Windows event log channels. The last column holds the event ids that have a class beyond the service. */
interface ChannelRow {
  readonly service: string;
  readonly channels: readonly string[];
  readonly ids?: readonly (readonly [ids: readonly number[], categories: string, kind: EventKind])[];
}
const ms = (...names: readonly string[]): readonly string[] => names.map((name) => `Microsoft-Windows-${name}`);

const channelTable: readonly ChannelRow[] = [
  {
    service: "security",
    channels: ["Security"],
    ids: [
      [[4688], "process_creation", "process_start"],
      [[4689], "process_termination", "process_end"],
      [[4657], "registry_event registry_set", "registry_change"],
      [[5156], "network_connection", "network_connect"],
    ],
  },
  { service: "system", channels: ["System"] },
  { service: "application", channels: ["Application"] },
  {
    service: "powershell",
    channels: [...ms("PowerShell/Operational"), "PowerShellCore/Operational"],
    ids: [
      [[4103], "ps_module", "script"],
      [[4104], "ps_script", "script"],
    ],
  },
  {
    service: "powershell-classic",
    channels: ["Windows PowerShell"],
    ids: [
      [[400], "ps_classic_start", "script"],
      [[600], "ps_classic_provider_start", "script"],
      [[800], "ps_classic_script", "script"],
    ],
  },
  {
    service: "windefend",
    channels: ms("Windows Defender/Operational"),
    // The ids whose records name a threat or a path.
    ids: [
      [
        [1006, 1007, 1008, 1009, 1010, 1011, 1012, 1015, 1017, 1018, 1019, 1115, 1116, 1117, 1118, 1119],
        "antivirus",
        "other",
      ],
    ],
  },
  {
    service: "applocker",
    channels: ms(
      "AppLocker/MSI and Script",
      "AppLocker/EXE and DLL",
      "AppLocker/Packaged app-Deployment",
      "AppLocker/Packaged app-Execution",
    ),
  },
  {
    service: "application-experience",
    channels: ms("Application-Experience/Program-Telemetry", "Application-Experience/Program-Compatibility-Assistant"),
  },
  { service: "appmodel-runtime", channels: ms("AppModel-Runtime/Admin") },
  {
    service: "appxdeployment-server",
    channels: ms("AppXDeploymentServer/Operational", "AppXDeployment-Server/Operational"),
  },
  { service: "appxpackaging-om", channels: ms("AppxPackaging/Operational", "AppxPackagingOM/Operational") },
  { service: "bitlocker", channels: ms("BitLocker/BitLocker Management") },
  { service: "bits-client", channels: ms("Bits-Client/Operational") },
  { service: "capi2", channels: ms("CAPI2/Operational") },
  {
    service: "certificateservicesclient-lifecycle-system",
    channels: ms("CertificateServicesClient-Lifecycle-System/Operational"),
  },
  { service: "codeintegrity-operational", channels: ms("CodeIntegrity/Operational") },
  { service: "dhcp", channels: ms("DHCP-Server/Operational") },
  { service: "diagnosis-scripted", channels: ms("Diagnosis-Scripted/Operational") },
  { service: "dns-client", channels: ms("DNS Client Events/Operational", "DNS-Client/Operational") },
  { service: "dns-server", channels: ["DNS Server"] },
  { service: "dns-server-analytic", channels: ms("DNS-Server/Analytical") },
  { service: "dns-server-audit", channels: ms("DNS-Server/Audit") },
  { service: "driver-framework", channels: ms("DriverFrameworks-UserMode/Operational") },
  { service: "firewall-as", channels: ms("Windows Firewall With Advanced Security/Firewall") },
  { service: "hyper-v-worker", channels: ms("Hyper-V-Worker", "Hyper-V-Worker-Admin") },
  { service: "iis-configuration", channels: ["Microsoft-IIS-Configuration/Operational"] },
  { service: "kernel-event-tracing", channels: ms("Kernel-EventTracing", "Kernel-EventTracing/Admin") },
  { service: "kernel-shimengine", channels: ms("Kernel-ShimEngine/Operational", "Kernel-ShimEngine/Diagnostic") },
  { service: "ldap", channels: ms("LDAP-Client/Debug") },
  { service: "lsa-server", channels: ms("LSA/Operational") },
  {
    service: "microsoft-servicebus-client",
    channels: ["Microsoft-ServiceBus-Client/Admin", "Microsoft-ServiceBus-Client/Operational"],
  },
  { service: "msexchange-management", channels: ["MSExchange Management"] },
  { service: "ntfs", channels: ms("Ntfs/Operational") },
  { service: "ntlm", channels: ms("NTLM/Operational") },
  { service: "openssh", channels: ["OpenSSH/Operational"] },
  { service: "printservice-admin", channels: ms("PrintService/Admin") },
  { service: "printservice-operational", channels: ms("PrintService/Operational") },
  {
    service: "security-mitigations",
    channels: ms(
      "Security-Mitigations/Kernel Mode",
      "Security-Mitigations/User Mode",
      "Security-Mitigations/KernelMode",
      "Security-Mitigations/UserMode",
    ),
  },
  { service: "sense", channels: ms("SENSE/Operational") },
  { service: "shell-core", channels: ms("Shell-Core/Operational") },
  { service: "smbclient-connectivity", channels: ms("SmbClient/Connectivity") },
  { service: "smbclient-security", channels: ms("SmbClient/Security") },
  { service: "smbserver-connectivity", channels: ms("SMBServer/Connectivity") },
  { service: "taskscheduler", channels: ms("TaskScheduler/Operational") },
  { service: "terminalservices-localsessionmanager", channels: ms("TerminalServices-LocalSessionManager/Operational") },
  {
    service: "terminalservices-remoteconnectionmanager",
    channels: ms("TerminalServices-RemoteConnectionManager/Operational"),
  },
  { service: "vhdmp", channels: ms("VHDMP/Operational", "VHDMP-Operational") },
  { service: "wmi", channels: ms("WMI-Activity/Operational") },
];

/** Other spellings of a service that rules use. */
const serviceAliases: Readonly<Record<string, readonly string[]>> = {
  "microsoft-servicebus-client": ["servicebus-client"],
};

/** Programs whose lines share a file of the classic syslog layout: service, and the file's own service. */
const syslogPrograms: readonly (readonly [service: string, file: string])[] = [
  ["sshd", "auth"],
  ["sudo", "auth"],
  ["su", "auth"],
  ["cron", "syslog"],
  ["clamav", "syslog"],
  ["vsftpd", "syslog"],
  ["guacamole", "syslog"],
];

/** Log sources beyond a host: no sensor will ever fill them, recordings may. `product/category/service`, `-` for none. */
const elsewhere =
  "aws/-/cloudtrail azure/-/activitylogs azure/-/auditlogs azure/-/pim azure/-/riskdetection azure/-/signinlogs bitbucket/-/audit cisco/-/aaa cisco/-/bgp " +
  "cisco/-/duo cisco/-/ldp cisco/-/syslog django/application/- fortigate/-/event fortios/-/sslvpnd gcp/-/gcp.audit gcp/-/google_workspace.admin " +
  "gcp/-/google_workspace.login github/-/audit huawei/-/bgp juniper/-/bgp jvm/application/- kubernetes/application/audit m365/-/audit m365/-/exchange " +
  "m365/-/threat_detection m365/-/threat_management nodejs/application/- okta/-/okta onelogin/-/onelogin.events opencanary/application/- " +
  "paloalto/appliance/globalprotect paloalto/file_event/globalprotect python/application/- qualys/-/- rpc_firewall/application/- ruby_on_rails/application/- spring/application/- " +
  "sql/application/- velocity/application/- zeek/-/dce_rpc zeek/-/dns zeek/-/http zeek/-/kerberos zeek/-/rdp zeek/-/smb_files zeek/-/x509 zeek/-/conn " +
  "-/antivirus/- -/database/- -/dns/- -/firewall/- -/proxy/- -/webserver/apache -/webserver/nginx -/webserver/- -/-/netflow";

/** Sysmon event id to the name of its row below `windows/` (and `linux/`). */
export const sysmonNames: ReadonlyMap<number, string> = new Map(
  sysmon.flatMap(([ids, name]) => ids.map((id) => [id, name] as const)),
);

/** Channel, as usually written and in lower case, to service. */
export const channelServices: ReadonlyMap<string, string> = new Map(
  [...channelTable, { service: "sysmon", channels: ms("Sysmon/Operational") }].flatMap(({ service, channels }) =>
    channels.flatMap((channel) => [[channel, service] as const, [channel.toLowerCase(), service] as const]),
  ),
);

/** All rows; the index of a row is its SourceId. */
export const sourceTable: readonly SourceRow[] = [
  // An event that nothing below describes. Rules for sources that Sigil cannot recognise see it.
  row("other", "", "", "", "other"),

  row("linux/process_creation", "linux", "process_creation", "sysmon", "process_start"),
  row("linux/process_termination", "linux", "process_termination", "sysmon", "process_end"),
  row("linux/file_event", "linux", "file_event", "sysmon", "file_create"),
  // Sysmon's event 11 is also told when a file is overwritten, and a file that is moved to a place appears there.
  row("linux/file_write", "linux", "file_event file_change", "sysmon", "file_change"),
  row("linux/file_delete", "linux", "file_delete", "sysmon", "file_delete"),
  row("linux/file_rename", "linux", "file_rename file_event", "", "file_rename"),
  row("linux/file_change", "linux", "file_change", "", "file_change"),
  row("linux/file_access", "linux", "file_access", "", "file_access"),
  row("linux/network_connection", "linux", "network_connection", "sysmon", "network_connect"),
  row("linux/network_accept", "linux", "network_connection", "sysmon", "network_accept"),
  // No public rule names these; ours may.
  row("linux/network_bind", "linux", "network_bind", "", "network_bind"),
  row("linux/network_listen", "linux", "network_listen", "", "network_listen"),
  row("linux/network_close", "linux", "network_close", "", "network_close"),
  row("linux/dns_query", "linux", "dns_query", "", "dns_query"),
  row("linux/process_access", "linux", "process_access", "sysmon", "process_access"),
  row("linux/raw_access_thread", "linux", "raw_access_thread", "sysmon", "process_access"),
  row("linux/driver_load", "linux", "driver_load", "", "driver_load"),
  // Kernel operations. Sigma has names for the first two; the others are Sigil's own.
  row("linux/image_load", "linux", "image_load", "", "image_load"),
  row("linux/driver_unload", "linux", "driver_unload", "", "driver_unload"),
  row("linux/credential_change", "linux", "credential_change", "", "credential_change"),
  row("linux/memory_change", "linux", "memory_change", "", "memory_change"),
  row("linux/memfd_create", "linux", "memfd_create", "", "memory_file"),
  row("linux/bpf", "linux", "bpf", "", "bpf"),
  row("linux/mount", "linux", "mount", "", "mount"),
  row("linux/namespace_change", "linux", "namespace_change", "", "namespace_change"),
  row("linux/signal", "linux", "signal", "", "signal"),
  row("linux/system_call", "linux", "system_call", "", "system_call"),
  row("linux/io_uring", "linux", "io_uring", "", "io_uring"),
  row("linux/io_uring_create", "linux", "io_uring file_event", "", "file_create"),
  row("linux/io_uring_delete", "linux", "io_uring file_delete", "", "file_delete"),
  row("linux/io_uring_rename", "linux", "io_uring file_rename file_event", "", "file_rename"),
  row("linux/sysmon", "linux", "sysmon_status", "sysmon", "other"),
  row("linux/auditd", "linux", "", "auditd", "other"),
  row("linux/auth", "linux", "", "auth", "other"),
  row("linux/syslog", "linux", "", "syslog", "other"),
  ...syslogPrograms.map(([service, file]) => row(`linux/${service}`, "linux", "", `${service} ${file}`, "other")),
  row("linux/other", "linux", "", "", "other"),

  ...sysmon.map(([, name, categories, kind]) => row(`windows/${name}`, "windows", categories, "sysmon", kind)),
  row("windows/sysmon", "windows", "", "sysmon", "other"),
  // Microsoft-Windows-Kernel-File; Sysmon has no event for either.
  row("windows/file_access", "windows", "file_access", "", "file_access"),
  row("windows/file_rename", "windows", "file_rename", "", "file_rename"),
  ...channelTable.flatMap(({ service, ids }) => {
    const services = [service, ...(serviceAliases[service] ?? [])].join(" ");
    const classes = (ids ?? []).map(([numbers, categories, kind]) =>
      row(
        `windows/${service}/${numbers.length === 1 ? numbers[0] : categories}`,
        "windows",
        categories,
        services,
        kind,
      ),
    );
    return [row(`windows/${service}`, "windows", "", services, "other"), ...classes];
  }),
  row("windows/other", "windows", "", "", "other"),

  row("macos/process_creation", "macos", "process_creation", "", "process_start"),
  row("macos/file_event", "macos", "file_event", "", "file_create"),
  row("macos/network_connection", "macos", "network_connection", "", "network_connect"),
  row("macos/other", "macos", "", "", "other"),

  // The class is plain, the product is not: rules of every product see it.
  ...sysmon
    .filter(([ids, , categories]) => ids.length > 0 && categories !== "")
    .map(([, name, categories, kind]) => row(`any/${name}`, "*", categories, "", kind)),

  ...elsewhere.split(" ").map((text) => {
    const [product, category, service] = text.split("/").map((part) => (part === "-" ? "" : part)) as [
      string,
      string,
      string,
    ];
    const name = [product === "" ? "generic" : product, category, service].filter((part) => part !== "").join("/");
    return row(name, product, category, service, "other");
  }),
];

/** `service`, then event id, to the name of the row that has a class beyond the service. */
export const channelClasses: ReadonlyMap<string, ReadonlyMap<number, string>> = new Map(
  channelTable.flatMap(({ service, ids }) =>
    ids === undefined
      ? []
      : [
          [
            service,
            new Map(
              ids.flatMap(([numbers, categories]) =>
                numbers.map(
                  (id) => [id, `windows/${service}/${numbers.length === 1 ? numbers[0] : categories}`] as const,
                ),
              ),
            ),
          ] as const,
        ],
  ),
);

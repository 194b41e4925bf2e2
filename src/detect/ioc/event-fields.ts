// Which fields of an event hold what indicators are about. Sysmon's names, and those of the event log channels and log sources
// that carry addresses and names of their own.

/** How a field is read: as one name, address, path or list of digests, or searched for all that it mentions. */
export type Reading = "domain" | "address" | "path" | "hashes" | "text";

export interface FieldReading {
  readonly field: string;
  readonly reading: Reading;
  /** Of an address: the field with its port. */
  readonly port?: string;
  /** Describes the process that acts: every event has it, and only that process's start says it. */
  readonly isActor?: true;
}

const of = (reading: Reading, ...fields: string[]): FieldReading[] => fields.map((field) => ({ field, reading }));

export const fieldReadings: readonly FieldReading[] = [
  { field: "Image", reading: "path", isActor: true },
  { field: "CommandLine", reading: "text", isActor: true },
  ...of("path", "TargetFilename", "ImageLoaded", "SourceFilename", "NewProcessName"),
  ...of("hashes", "Hashes"),
  { field: "DestinationIp", reading: "address", port: "DestinationPort" },
  { field: "SourceIp", reading: "address", port: "SourcePort" },
  // Security 5156 and 4624, and what sshd says.
  { field: "DestAddress", reading: "address", port: "DestPort" },
  { field: "SourceAddress", reading: "address", port: "SourcePort" },
  ...of("address", "IpAddress", "ClientAddress"),
  ...of("domain", "DestinationHostname", "QueryName"),
  ...of("text", "QueryResults", "Details", "ScriptBlockText", "Payload", "Contents", "Message", "Url"),
];

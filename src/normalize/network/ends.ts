// The two ends of a connection as a record has them, in Sysmon's fields: source is who began.

import { networkLayout } from "../../event/mod.ts";
import type { ActivityEvent } from "../activity-event.ts";
import { ipv4Text, ipv6Text } from "../dns/mod.ts";
import type { Readers } from "../live-event.ts";

/** IPv4 stands mapped into IPv6 (`::ffff:192.0.2.1`); it is written as what it is. */
const isMapped = (bytes: Buffer): boolean => bytes.readBigUInt64LE(0) === 0n && bytes.readUInt32LE(8) === 0xffff_0000;

const addressText = (bytes: Buffer): string => (isMapped(bytes) ? ipv4Text(bytes, 12) : ipv6Text(bytes, 0));

const bytesOf = (event: ActivityEvent, end: "source" | "destination"): Buffer =>
  event.record.bytes(networkLayout[end], 16);

export const sourceIp = (event: ActivityEvent): string => addressText(bytesOf(event, "source"));
export const destinationIp = (event: ActivityEvent): string => addressText(bytesOf(event, "destination"));

/** Neighbours of a u32 in the record: ports are 16 bits wide. */
const port = (event: ActivityEvent, offset: number): number => event.record.bytes(offset, 2).readUInt16LE(0);
export const sourcePort = (event: ActivityEvent): number => port(event, networkLayout.sourcePort);
export const destinationPort = (event: ActivityEvent): number => port(event, networkLayout.destinationPort);
export const protocolNumber = (event: ActivityEvent): number => port(event, networkLayout.protocol);
export const result = (event: ActivityEvent): number => port(event, networkLayout.result);
export const flags = (event: ActivityEvent): number => event.record.field(networkLayout.flags);

/** IANA's protocol numbers, in the words of Sysmon and ECS. */
const protocols: Readonly<Record<number, string>> = {
  1: "icmp",
  2: "igmp",
  4: "ipip",
  6: "tcp",
  17: "udp",
  33: "dccp",
  41: "ipv6",
  47: "gre",
  50: "esp",
  51: "ah",
  58: "ipv6-icmp",
  89: "ospf",
  132: "sctp",
  136: "udplite",
};
export const protocol = (event: ActivityEvent): string => {
  const number = protocolNumber(event);
  return protocols[number] ?? String(number);
};

/** Names of ports as Sysmon shows them (`SourcePortName`): the well-known services that rules name. IANA's registry. */
const services: ReadonlyMap<number, string> = new Map(
  (
    "20 ftp-data,21 ftp,22 ssh,23 telnet,25 smtp,53 domain,67 bootps,68 bootpc,69 tftp,80 http,88 kerberos,110 pop3,111 sunrpc," +
    "123 ntp,135 epmap,137 netbios-ns,138 netbios-dgm,139 netbios-ssn,143 imap,161 snmp,162 snmptrap,179 bgp,389 ldap,443 https," +
    "445 microsoft-ds,465 submissions,500 isakmp,514 syslog,515 printer,546 dhcpv6-client,547 dhcpv6-server,554 rtsp,587 submission," +
    "631 ipp,636 ldaps,853 domain-s,873 rsync,993 imaps,995 pop3s,1080 socks,1194 openvpn,1433 ms-sql-s,1900 ssdp,2049 nfs," +
    "3268 msft-gc,3306 mysql,3389 ms-wbt-server,4500 ipsec-nat-t,5060 sip,5353 mdns,5355 llmnr,5432 postgresql,5900 rfb,5985 wsman," +
    "6379 redis,6667 ircu,8080 http-alt,9418 git,11211 memcache,27017 mongodb"
  )
    .split(",")
    .map((one) => one.split(" ") as [string, string])
    .map(([number, name]) => [Number(number), name]),
);

const isIpv6 = (text: string): string => String(text.includes(":"));

/** Sockets without ports (ICMP, raw) have none; what they have stands in place of it. */
const hasPorts = (event: ActivityEvent): boolean => [6, 17, 33, 132, 136].includes(protocolNumber(event));

/** Fields of the end that began, or waits. */
export const sourceReaders: Readers<ActivityEvent> = {
  Protocol: protocol,
  SourceIsIpv6: (event) => isIpv6(sourceIp(event)),
  SourceIp: sourceIp,
  SourcePort: (event) => (hasPorts(event) ? String(sourcePort(event)) : undefined),
  SourcePortName: (event) => services.get(sourcePort(event)),
};

/** Fields of both ends. */
export const endReaders: Readers<ActivityEvent> = {
  ...sourceReaders,
  DestinationIsIpv6: (event) => isIpv6(destinationIp(event)),
  DestinationIp: destinationIp,
  DestinationPort: (event) => (hasPorts(event) ? String(destinationPort(event)) : undefined),
  DestinationPortName: (event) => services.get(destinationPort(event)),
};

/** What stands for the process in caches; `undefined` when nobody knows who it was. */
export function processKey(event: ActivityEvent): string | undefined {
  return event.pid === 0 ? undefined : `${event.pid}.${event.record.startNs}`;
}

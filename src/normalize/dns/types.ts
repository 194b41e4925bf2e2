// Numbers and mnemonics of the DNS (IANA, "Domain Name System (DNS) Parameters").

/** Resource record types that Sigil knows by name. */
export const recordType = {
  a: 1,
  ns: 2,
  cname: 5,
  soa: 6,
  null: 10,
  ptr: 12,
  hinfo: 13,
  mx: 15,
  txt: 16,
  aaaa: 28,
  srv: 33,
  naptr: 35,
  dname: 39,
  opt: 41,
  ds: 43,
  sshfp: 44,
  rrsig: 46,
  nsec: 47,
  dnskey: 48,
  tlsa: 52,
  svcb: 64,
  https: 65,
  spf: 99,
  ixfr: 251,
  axfr: 252,
  any: 255,
  caa: 257,
} as const;

const typeNames: ReadonlyMap<number, string> = new Map(
  Object.entries(recordType).map(([name, number]) => [number, name.toUpperCase()]),
);

/** `AAAA`; `TYPE4711` for a type without a name here (RFC 3597, 5). */
export const recordTypeName = (type: number): string => typeNames.get(type) ?? `TYPE${type}`;

const classNames: ReadonlyMap<number, string> = new Map([
  [1, "IN"],
  [3, "CH"],
  [4, "HS"],
  [254, "NONE"],
  [255, "ANY"],
]);
export const recordClassName = (number: number): string => classNames.get(number) ?? `CLASS${number}`;

const responseCodes = "NOERROR FORMERR SERVFAIL NXDOMAIN NOTIMP REFUSED YXDOMAIN YXRRSET NXRRSET NOTAUTH NOTZONE".split(
  " ",
);
const laterResponseCodes: ReadonlyMap<number, string> = new Map([
  [11, "DSOTYPENI"],
  [16, "BADVERS"],
  [17, "BADKEY"],
  [18, "BADTIME"],
  [22, "BADTRUNC"],
  [23, "BADCOOKIE"],
]);
export const responseCodeName = (code: number): string =>
  responseCodes[code] ?? laterResponseCodes.get(code) ?? `RCODE${code}`;

/** Windows' error for a name that exists without a record of the type (DNS_INFO_NO_RECORDS). */
const noRecords = "9501";

/** Sysmon's `QueryStatus`: 0 with an answer, Windows' 9501 without one, and 9000 and the response code for every other. */
export const queryStatus = (code: number, hasAnswer: boolean): string =>
  code === 0 ? (hasAnswer ? "0" : noRecords) : String(9000 + code);

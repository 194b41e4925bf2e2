// Bounds of one DNS message as it is decoded. The bytes are an attacker's: a message of 16 KiB could otherwise stand for megabytes of
// text, because every name may be a pointer of two bytes to a name of 255.

/** Octets of a name on the wire (RFC 1035, 2.3.4). */
export const nameOctetsMax = 255;
/** Octets of a label (RFC 1035, 2.3.4). */
export const labelOctetsMax = 63;
/** Jumps while one name is read. A name of 255 octets has 127 labels, and each pointer must lead to at least one. */
export const nameJumpsMax = 127;
/** Questions kept. Resolvers send one, and no server answers more. */
export const questionsMax = 8;
/** Records of a section that are kept: a UDP answer of 4,096 bytes holds 254 addresses. */
export const recordsMax = 256;
/** UTF-16 units of one record's data as text; the start is kept. A TXT record of DKIM has 400. */
export const dataLengthMax = 4096;
/** UTF-16 units of the data of all records of a message together. */
export const messageTextLengthMax = 64 * 1024;
/** Extended errors of a message (RFC 8914). Servers send one or two. */
export const extendedErrorsMax = 8;
/** Parameters of one SVCB or HTTPS record (RFC 9460). Eight are defined. */
export const serviceParametersMax = 16;
/** A message over TCP: its length is 16 bits (RFC 1035, 4.2.2). */
export const streamMessageMaxBytes = 65_535;

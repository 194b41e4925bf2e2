// The sizes of the format, and the bounds of reading it, each with its reason. A record lies in one chunk of 64 KiB, so what
// a well-formed record can hold is known; the bounds below stop records that multiply what they hold.

/** A chunk, whole. */
export const chunkBytes = 65_536;

/** The header of a chunk; records begin behind it. */
export const chunkHeaderBytes = 512;

/** The block that the file header stands in, and where chunks begin unless the header says otherwise. */
export const fileHeaderBytes = 4096;

/** Signature, size, number, time, and the copy of the size: a record with an empty body. */
export const recordMinBytes = 28;

/** Records that fit in a chunk. */
export const chunkRecordsMax: number = Math.floor((chunkBytes - chunkHeaderBytes) / recordMinBytes);

/** Elements in elements, and fragments in values of fragments. Windows' own records have at most about ten. */
export const depthMax = 48;

/** Tokens, values and fields that one record may cost. A chunk full of one-byte tokens has fewer. */
export const recordWorkMax = 100_000;

/** Characters of one record's values. Binary data as hex in a record that fills its chunk has a quarter of it. */
export const recordCharsMax: number = 8 * chunkBytes;

/** Bytes of template definitions compiled for one chunk. They do not overlap in a chunk that Windows wrote. */
export const chunkTemplateBytesMax: number = 4 * chunkBytes;

/** Characters of the name of an element or an attribute. */
export const nameMaxChars = 1024;

/** Text of security identifiers kept, by their bytes. */
export const sidsMax = 1024;

if (recordCharsMax < 4 * chunkBytes) throw new Error("Cannot hold the text of a record that fills its chunk");

// What comes out of an event log file: the fields of each record under the names that rules use, and what was damaged.

/** The value of a field: text, a number where it is exact, or several of them. `null` is an element without content. */
export type EvtxValue = string | number | boolean | null | readonly EvtxValue[];

export interface EvtxRecord {
  /**
   * Flat: the elements of `System` that rules name (`Channel`, `Computer`, `EventRecordID`, `Level`, `Task`, `Opcode`, `Keywords`,
   * `Version`, `EventID`, `Provider_Name`, `UserID`), the data of `EventData` by their names (unnamed ones are `Data`), and the leaves of
   * `UserData`. Spaces are taken out of names. Belongs to the receiver.
   */
  readonly fields: Record<string, EvtxValue | undefined>;
  /** As `System` has it; data of the same name in the event does not hide it. Empty when absent. */
  readonly channel: string;
  readonly provider: string;
  readonly computer: string;
  /** NaN when `System` has none. */
  readonly eventId: number;
  /** `EventRecordID`, else the number in the record's header. */
  readonly recordId: string;
  /** `TimeCreated`, else when the record was written; milliseconds since the epoch, with microseconds as the fraction. */
  readonly timeMs: number;
  /** Bytes that the record takes in the file. */
  readonly sizeBytes: number;
}

/** Something that could not be read. */
export interface EvtxDamage {
  /** Where in the file it begins. */
  readonly offset: number;
  readonly problem: string;
  /** Records that were lost with it, as far as their numbers tell; 0 when only a checksum is wrong. */
  readonly lost: number;
}

/** What was read so far. */
export interface EvtxStats {
  /** Chunks that hold records or did; blocks that were reserved and never used do not count. */
  chunks: number;
  records: number;
  /** Records that were lost to damage, the sum of {@link EvtxDamage.lost}. */
  lost: number;
  /** Chunks in which anything was wrong. */
  damagedChunks: number;
  /** Headers and chunks whose checksum does not fit; what they hold is read nevertheless. */
  checksumMismatches: number;
  /** Bytes between chunks that are no chunk. */
  skippedBytes: number;
  /** The file header says that the log was not closed: it may count fewer chunks than there are. */
  isDirty: boolean;
}

/** The input is no event log file at all. The only error that reading throws. */
export class EvtxError extends Error {
  override readonly name = "EvtxError";
}

/** A record or a chunk cannot be read. Thrown and caught inside of this folder. */
export class Damage extends Error {
  override readonly name = "Damage";
}

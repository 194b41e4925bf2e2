// Names of users by uid, one table a mount namespace: the host's passwd and each container's. Tables are read by the main
// thread, off the hot path; until one is there, a uid has no name and an event shows the number.

/** Bounds of a passwd file that is read: a container's is whatever its image says. */
export const passwdSizeMaxBytes = 1 << 20;
const usersMax = 16_384;
const nameLengthMax = 256;

/** uid → name from the text of a passwd(5) file. Lines that are not entries are skipped; the first name of a uid wins. */
export function parsePasswd(text: string): Map<number, string> {
  const names = new Map<number, string>();
  for (const line of text.split("\n")) {
    if (names.size >= usersMax) break;
    const [name, , uid] = line.split(":");
    if (!name || name.startsWith("#") || name.length > nameLengthMax || uid === undefined || !/^\d{1,10}$/.test(uid))
      continue;
    if (!names.has(Number(uid))) names.set(Number(uid), name);
  }
  return names;
}

export interface UserNamesOptions {
  /** Mount namespaces remembered; containers come and go. */
  readonly namespacesMax: number;
  /** Asked once for a mount namespace without a table, with a pid that lives in it. Must not block. */
  readonly wanted: (mountNs: number, pid: number) => void;
}

export class UserNames {
  readonly #options: UserNamesOptions;
  /** `null`: asked for, not there yet. Oldest first. */
  readonly #tables = new Map<number, ReadonlyMap<number, string> | null>();
  /** Tables forgotten because there were too many. */
  evicted = 0;

  constructor(options: UserNamesOptions) {
    this.#options = options;
  }

  /** Puts a table in place; an empty one means that the namespace has none. */
  set(mountNs: number, names: ReadonlyMap<number, string>): void {
    this.#tables.set(mountNs, names);
    this.#trim();
  }

  /** The name of `uid` as a process in `mountNs` knows it; asks for the table when it is not known. O(1). */
  name(mountNs: number, uid: number, pid: number): string | undefined {
    const table = this.#tables.get(mountNs);
    if (table) return table.get(uid);
    if (table === undefined) {
      this.#tables.set(mountNs, null);
      this.#trim();
      this.#options.wanted(mountNs, pid);
    }
    return undefined;
  }

  #trim(): void {
    while (this.#tables.size > this.#options.namespacesMax) {
      const oldest = this.#tables.keys().next().value;
      if (oldest === undefined) return;
      this.#tables.delete(oldest);
      this.evicted++;
    }
  }
}

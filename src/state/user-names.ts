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
  /** The namespace whose table is never forgotten: whoever makes many namespaces must not rename the host's users. */
  readonly hostMountNs?: number;
  /**
   * Asked for the table of a mount namespace, with a pid that lives in it; answered by `set` or `forget`. Must not block. Asked again when
   * the table is old: users are added, and what the first process of a container sees is the host's root, not yet its own.
   */
  readonly wanted: (mountNs: number, pid: number) => void;
  /** Milliseconds of a clock that only goes forward; given by tests. */
  readonly nowMs?: () => number;
}

/** A table is asked for again after half a second, and then twice as long each time, up to a minute. */
const refreshFirstMs = 500;
const refreshMaxMs = 60_000;

/** Inode of the first user namespace (PROC_USER_INIT_INO, include/linux/proc_ns.h): the same on every Linux. */
const initialUserNs = 0xeffffffd;

interface Table {
  /** Undefined: asked for, never there. */
  names: ReadonlyMap<number, string> | undefined;
  askAtMs: number;
  refreshMs: number;
}

export class UserNames {
  readonly #options: UserNamesOptions;
  readonly #nowMs: () => number;
  /** Oldest first. */
  readonly #tables = new Map<number, Table>();
  /** Tables forgotten because there were too many. */
  evicted = 0;

  constructor(options: UserNamesOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  /** Puts a table in place; an empty one means that the namespace has none. */
  set(mountNs: number, names: ReadonlyMap<number, string>): void {
    const table = this.#tables.get(mountNs);
    if (table !== undefined) table.names = names;
    else this.#ask(mountNs).names = names;
  }

  /** Nobody who lives there could be read: the next one is asked for. */
  forget(mountNs: number): void {
    const table = this.#tables.get(mountNs);
    if (table !== undefined && table.names === undefined) this.#tables.delete(mountNs);
  }

  /**
   * The name of `uid`, as the kernel counts, of a process in `mountNs` and `userNs`; asks for the table when it is not known or old. In a
   * user namespace of its own a process has other uids than the kernel says, and anybody may make one and put a passwd of his own into
   * it: there the host's table is the one that is true. O(1).
   */
  name(seenMountNs: number, userNs: number, uid: number, pid: number): string | undefined {
    const { hostMountNs = seenMountNs } = this.#options;
    const mountNs = userNs === initialUserNs || userNs === 0 ? seenMountNs : hostMountNs;
    let table = this.#tables.get(mountNs);
    if (table === undefined) {
      table = this.#ask(mountNs);
      this.#options.wanted(mountNs, pid);
    } else if (this.#nowMs() >= table.askAtMs) {
      table.refreshMs = Math.min(table.refreshMs * 2, refreshMaxMs);
      table.askAtMs = this.#nowMs() + table.refreshMs;
      this.#options.wanted(mountNs, pid);
    }
    return table.names?.get(uid);
  }

  #ask(mountNs: number): Table {
    const table = { names: undefined, askAtMs: this.#nowMs() + refreshFirstMs, refreshMs: refreshFirstMs };
    this.#tables.set(mountNs, table);
    this.#trim();
    return table;
  }

  #trim(): void {
    while (this.#tables.size > this.#options.namespacesMax) {
      const [first, second] = this.#tables.keys().take(2);
      const oldest = first === this.#options.hostMountNs ? second : first;
      if (oldest === undefined) return;
      this.#tables.delete(oldest);
      this.evicted++;
    }
  }
}

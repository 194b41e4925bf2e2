// Messages with open descriptors between two processes, and the confinement of this one: the parts of the shim (sandbox.c) that scan
// workers stand on.

import { loadShim, ptr } from "./shim.ts";

/** The kernel refused: the errno is in the message. */
export class SandboxError extends Error {
  readonly code = "E_SANDBOX";
  readonly errno: number;
  constructor(message: string, errno: number) {
    super(message);
    this.errno = errno;
  }
}

/** Bytes of one message: a job with its names. Whatever is larger goes through a file. */
export const messageSizeMaxBytes = 65_536;
/** As FDS_MAX in sandbox.c. */
const descriptorsMax = 16;

export interface Channel {
  /** Stays here. */
  readonly near: number;
  /** For the other process; to be closed here once it has it. */
  readonly far: number;
}

/** A pair of sockets whose messages stay apart. Throws {@link SandboxError}. */
export function createChannel(): Channel {
  const pair = new Int32Array(2);
  const result = loadShim().sigil_channel(ptr(pair));
  if (result !== 0) throw new SandboxError(`Cannot create a channel: errno ${-result}`, -result);
  return { near: pair[0]!, far: pair[1]! };
}

/** Sends without waiting. False when the other side is behind or gone. Throws RangeError for a message that is too large. */
export function sendMessage(channel: number, message: Uint8Array, descriptors: readonly number[] = []): boolean {
  if (message.length > messageSizeMaxBytes || descriptors.length > descriptorsMax)
    throw new RangeError(`Cannot send ${message.length} bytes and ${descriptors.length} descriptors in one message`);
  const fds = Int32Array.from(descriptors.length === 0 ? [-1] : descriptors);
  return loadShim().sigil_send(channel, ptr(message), message.length, ptr(fds), descriptors.length) === 0;
}

/** Takes messages from a channel, one after the other. */
export class Receiver {
  readonly #channel: number;
  readonly #room = Buffer.alloc(messageSizeMaxBytes);
  readonly #descriptors = new Int32Array(descriptorsMax);

  constructor(channel: number) {
    this.#channel = channel;
  }

  /** Blocks this thread until a message is there; `undefined` when the other side is gone. The descriptors are the caller's to close. */
  next(): { readonly text: string; readonly descriptors: readonly number[] } | undefined {
    const size = loadShim().sigil_receive(this.#channel, ptr(this.#room), this.#room.length, ptr(this.#descriptors));
    if (size < 0) throw new SandboxError(`Cannot receive: errno ${-size}`, -size);
    if (size === 0) return undefined;
    return { text: this.#room.toString("utf8", 0, size), descriptors: [...this.#descriptors].filter((fd) => fd >= 0) };
  }
}

/** A file that has no name and lives in memory; its descriptor is the caller's to close. Throws {@link SandboxError}. */
export function memoryFile(): number {
  const fd = loadShim().sigil_memory_file();
  if (fd < 0) throw new SandboxError(`Cannot create a file in memory: errno ${-fd}`, -fd);
  return fd;
}

export interface Confinement {
  /** Whom to become when this process is root. */
  readonly uid: number;
  readonly gid: number;
  /** Priority; larger yields to others. */
  readonly nice: number;
  /** The process that must still be the parent; this one dies with it. */
  readonly parent: number;
}

/**
 * Confines this process, all its threads, for good: no capabilities, no new privileges, and a filter that leaves it reading and
 * writing descriptors that it has, memory and threads. Throws {@link SandboxError}: then it must end.
 */
export function confine({ uid, gid, nice, parent }: Confinement): void {
  const reason = Buffer.alloc(256);
  const result = loadShim().sigil_confine(uid, gid, nice, parent, ptr(reason), reason.length);
  if (result === 0) return;
  throw new SandboxError(`Cannot confine this process: ${reason.toString("utf8", 0, reason.indexOf(0))}`, -result);
}

/** What a confined process is tried on, by the number that sandbox.c knows it under. */
export const attempts = [
  "execve",
  "socket (inet)",
  "socket (unix)",
  "ptrace",
  "bpf",
  "open for writing",
  "open for reading",
  "kill",
  "memfd_create",
  "setresuid",
  "clone (process)",
  "unlink",
  "process_vm_readv",
  "io_uring_setup",
] as const;

const eperm = 1;

/** Tries all of {@link attempts}; those that the kernel refused as the filter does. Only in a confined process: one of them would be traced. */
export function refusedAttempts(): readonly (typeof attempts)[number][] {
  const shim = loadShim();
  return attempts.filter((_, index) => shim.sigil_attempt(index) === eperm);
}

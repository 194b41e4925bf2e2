// The native shim behind bun:ffi: one thin function each, no logic. The library is embedded in the executable and opened from
// there. native/shim/shim.c says what each call does.

import { dlopen, FFIType, type Pointer, ptr } from "bun:ffi";
import shimPath from "../../build/native/libsigil.so" with { type: "file" };
import { abiDigest } from "../event/layout.gen.ts";

const symbols = {
  sigil_abi_digest: { args: [], returns: FFIType.u64 },
  sigil_open: { args: [FFIType.ptr, FFIType.ptr, FFIType.u32, FFIType.ptr], returns: FFIType.ptr },
  sigil_start: { args: [FFIType.ptr, FFIType.ptr, FFIType.u32, FFIType.ptr, FFIType.u32], returns: FFIType.i32 },
  sigil_boot_offset_ns: { args: [], returns: FFIType.i64 },
  sigil_trim_code: { args: [], returns: FFIType.u64 },
  sigil_wait: { args: [FFIType.ptr, FFIType.u32], returns: FFIType.u32 },
  sigil_wake: { args: [FFIType.ptr], returns: FFIType.void },
  sigil_counters: { args: [FFIType.ptr, FFIType.ptr], returns: FFIType.void },
  sigil_report: { args: [FFIType.ptr, FFIType.ptr, FFIType.u32], returns: FFIType.u32 },
  sigil_inject: { args: [FFIType.ptr, FFIType.u32, FFIType.ptr, FFIType.u32], returns: FFIType.i32 },
  sigil_prepare: { args: [FFIType.ptr, FFIType.ptr], returns: FFIType.i32 },
  sigil_load_ahead: { args: [FFIType.ptr, FFIType.ptr], returns: FFIType.i32 },
  sigil_enable: { args: [FFIType.ptr, FFIType.ptr], returns: FFIType.i32 },
  sigil_check: { args: [FFIType.ptr, FFIType.ptr, FFIType.u32], returns: FFIType.u32 },
  sigil_objects: { args: [FFIType.ptr, FFIType.ptr, FFIType.u32], returns: FFIType.u32 },
  sigil_map_set: { args: [FFIType.ptr, FFIType.ptr, FFIType.ptr, FFIType.ptr], returns: FFIType.i32 },
  sigil_detach: { args: [FFIType.ptr], returns: FFIType.void },
  sigil_close: { args: [FFIType.ptr], returns: FFIType.void },
  sigil_channel: { args: [FFIType.ptr], returns: FFIType.i32 },
  sigil_send: { args: [FFIType.i32, FFIType.ptr, FFIType.u32, FFIType.ptr, FFIType.u32], returns: FFIType.i32 },
  sigil_receive: { args: [FFIType.i32, FFIType.ptr, FFIType.u32, FFIType.ptr], returns: FFIType.i32 },
  sigil_memory_file: { args: [], returns: FFIType.i32 },
  sigil_confine: {
    args: [FFIType.u32, FFIType.u32, FFIType.i32, FFIType.i32, FFIType.ptr, FFIType.u32],
    returns: FFIType.i32,
  },
  sigil_exec_watch_open: { args: [], returns: FFIType.i32 },
  sigil_exec_watch_add: { args: [FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
  sigil_exec_watch_ignore: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 },
  sigil_exec_watch_forget: { args: [FFIType.i32], returns: FFIType.i32 },
  sigil_attempt: { args: [FFIType.u32], returns: FFIType.i32 },
} as const;

export type Shim = ReturnType<typeof dlopen<typeof symbols>>["symbols"];
export type { Pointer };
export { ptr };

/** The shim cannot be used: it does not load here, or it was built from another abi.h than this program. */
export class ShimError extends Error {
  readonly code = "E_SHIM";
}

let loaded: Shim | undefined;

/** Opens the library, once a thread. Throws {@link ShimError}; with the JIT switched off, bun:ffi itself refuses. */
export function loadShim(): Shim {
  if (loaded) return loaded;
  let shim: Shim;
  try {
    shim = dlopen(shimPath, symbols).symbols;
  } catch (cause) {
    throw new ShimError(`Cannot load the native shim: ${(cause as Error).message}`, { cause });
  }
  const digest = shim.sigil_abi_digest();
  if (BigInt(digest) !== abiDigest)
    throw new ShimError(
      `Cannot use the native shim: its record layout is ${BigInt(digest).toString(16)}, this program's is ${abiDigest.toString(16)}`,
    );
  loaded = shim;
  return shim;
}

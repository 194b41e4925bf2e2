// YARA-X as WebAssembly, with what it needs to be fast and frugal put around it from outside; the npm package is untouched. As
// shipped it compiles the condition module again at every scan, leaks an instance a scan, and asks JavaScript for every `uint16(0)`.
// The cures rely on names inside the pinned version: a self-test compares them with the plain way at start, and the plain way
// is used when they differ.

import { readFileSync } from "node:fs";
import { Compiler, type InitOutput, initSync, Rules } from "@virustotal/yara-x";
// @ts-expect-error: the package types this file as a module; embedded, the import is its path.
import wasmFile from "../../../node_modules/@virustotal/yara-x/pkg/yara_x_js_bg.wasm" with { type: "file" };
import { hotImportNames, hotImportsModule } from "./hot-imports.ts";

export type { Compiler };

/** What the package's `scan` answers; its own type is `any`. */
export interface RawResult {
  readonly valid: boolean;
  readonly errors: readonly unknown[];
  readonly matches: readonly RawRule[];
}

export interface RawRule {
  readonly identifier: string;
  readonly namespace: string;
  readonly isPrivate: boolean;
  readonly tags: readonly string[];
  readonly metadata: readonly { readonly identifier: string; readonly value: string | number | bigint | boolean }[];
  readonly patterns: readonly {
    readonly identifier: string;
    readonly isPrivate: boolean;
    readonly matches: readonly { readonly offset: number; readonly length: number; readonly xorKey?: number }[];
  }[];
}

/** YARA-X itself failed (a trap, no memory): its instance must not be used any more, and neither must this process's. */
export class YaraCrash extends Error {
  readonly code = "E_YARA_CRASH";
}

/** A built set of rules, and what is kept beside it from scan to scan. */
export class LoadedRules {
  readonly rules: Rules;
  readonly #matchesMax: number;
  #scanner: ReturnType<Rules["scanner"]> | undefined;
  /** The set's conditions, compiled once. */
  conditions: WebAssembly.Module | undefined;
  /** What the conditions write their bitmaps to; cleared for each scan. */
  memory: { readonly pages: number; readonly memory: WebAssembly.Memory } | undefined;

  constructor(rules: Rules, matchesMax: number) {
    this.rules = rules;
    this.#matchesMax = matchesMax;
  }

  /** Made when first needed: a dump must not hold one. */
  get scanner(): ReturnType<Rules["scanner"]> {
    if (this.#scanner === undefined) {
      this.#scanner = this.rules.scanner();
      this.#scanner.setMaxMatchesPerPattern(this.#matchesMax);
    }
    return this.#scanner;
  }

  /** Frees it inside YARA-X. */
  free(): void {
    this.#scanner?.free();
    this.rules.free();
  }
}

type RawExports = InitOutput & {
  readonly memory: WebAssembly.Memory;
  readonly __wbindgen_externrefs: WebAssembly.Table;
};

type Exports = Record<string, unknown>;

const RealModule = WebAssembly.Module;
const RealInstance = WebAssembly.Instance;
const RealMemory = WebAssembly.Memory;

let runtime: YaraRuntime | undefined;

/** YARA-X of this thread, loaded (80 ms) when first asked for. Throws {@link YaraCrash} when it does not load. */
export function yaraRuntime(): YaraRuntime {
  runtime ??= new YaraRuntime();
  return runtime;
}

export class YaraRuntime {
  /** SHA-256 of the engine's WebAssembly, hex: snapshots are of use to this engine only. */
  readonly engineDigest: string;
  readonly #raw: RawExports;
  readonly #hot: WebAssembly.Module;
  /** Why the plain way is used; empty when the fast one works; `undefined` before the first scan, which tests it. */
  #plainReason: string | undefined;
  #isFast = false;
  /** Something was compiled or restored: what JavaScript holds of it points into this memory. */
  #isUsed = false;
  /** During a scan: whose, and where its bytes lie. */
  #current: LoadedRules | undefined;
  #at = 0;
  #size = 0;
  #live: { exports: Exports | null } | undefined;

  constructor() {
    const bytes = readFileSync(wasmFile as unknown as string);
    this.engineDigest = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
    try {
      this.#raw = initSync({ module: new RealModule(bytes) }) as RawExports;
      this.#hot = new RealModule(hotImportsModule());
    } catch (cause) {
      throw new YaraCrash(`Cannot load YARA-X: ${String(cause)}`, { cause });
    }
  }

  /**
   * Runs the self-test unless it ran. Empty when the fast way works, else why the plain one is used. Throws {@link YaraCrash} when
   * neither gives the known answers.
   */
  test(): string {
    if (this.#plainReason === undefined) {
      this.#plainReason = this.#selfTest();
      this.#isFast = this.#plainReason === "";
    }
    return this.#plainReason;
  }

  /** For tests and comparisons; throws when the self-test failed. */
  useFast(fast: boolean): void {
    const reason = this.test();
    if (fast && reason !== "") throw new Error(`Cannot use the fast way: ${reason}`);
    this.#isFast = fast;
  }

  /** A compiler; every one must be freed. */
  compiler(): Compiler {
    this.#isUsed = true;
    return new Compiler();
  }

  get memoryBytes(): number {
    return this.#raw.memory.buffer.byteLength;
  }

  /** What YARA-X finds in `data`. Throws {@link YaraCrash}, after which this thread must end, or an Error that concerns this scan only. */
  scan(loaded: LoadedRules, data: Uint8Array): RawResult {
    this.test();
    return this.#scan(loaded, data);
  }

  #scan(loaded: LoadedRules, data: Uint8Array): RawResult {
    const { log } = console;
    // The module `console` of a rule prints. stdout is not its place.
    console.log = () => undefined;
    try {
      return (this.#isFast ? this.#scanFast(loaded, data) : loaded.scanner.scan(data)) as RawResult;
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError || error instanceof RangeError)
        throw new YaraCrash(`YARA-X failed on ${data.length} bytes: ${error.message}`, { cause: error });
      throw error;
    } finally {
      console.log = log;
    }
  }

  /**
   * The engine's memory with all rules in it, not copied. Only before the first scan of this thread (throws): afterwards the memory
   * refers to JavaScript values.
   */
  dump(): { readonly memory: Uint8Array; readonly references: number } {
    if (this.#plainReason !== undefined) throw new Error("Cannot dump: this thread has scanned already");
    return { memory: new Uint8Array(this.#raw.memory.buffer), references: this.#raw.__wbindgen_externrefs.length };
  }

  /** Makes room for a dump of `bytes`, and gives the memory to fill. Only in a thread that has compiled nothing yet (throws). */
  beginRestore(bytes: number, references: number): Uint8Array {
    if (this.#isUsed) throw new Error("Cannot restore: this thread has compiled already");
    this.#isUsed = true;
    const { memory, __wbindgen_externrefs: table } = this.#raw;
    const missing = bytes - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / 65_536));
    if (references > table.length) table.grow(references - table.length);
    return new Uint8Array(memory.buffer);
  }

  /** The address of `rules` in the engine's memory, for {@link restored}. */
  static addressOf(rules: Rules): number {
    return (rules as unknown as { readonly __wbg_ptr: number }).__wbg_ptr;
  }

  /** The rules that lay at `address` when the dump was made. */
  restored(address: number): Rules {
    return (Rules as unknown as { __wrap(pointer: number): Rules }).__wrap(address);
  }

  /** The value of an external variable for the scans that follow. YARA-X makes an instance to try it on, as for a scan. */
  setGlobal(loaded: LoadedRules, name: string, value: string): void {
    this.test();
    const set = (): void => loaded.scanner.setGlobal(name, value);
    if (this.#isFast) this.#withStandIns(loaded, 0, 0, set);
    else set();
  }

  #scanFast(loaded: LoadedRules, data: Uint8Array): unknown {
    const raw = this.#raw;
    const at = raw.__wbindgen_malloc_command_export(data.length, 1) >>> 0;
    new Uint8Array(raw.memory.buffer).set(data, at);
    return this.#withStandIns(loaded, at, data.length, () => {
      const [value, error, hasFailed] = raw.scanner_scan(
        (loaded.scanner as unknown as { readonly __wbg_ptr: number }).__wbg_ptr,
        at,
        data.length,
      );
      if (hasFailed) throw this.#take(error);
      return this.#take(value);
    });
  }

  #withStandIns<T>(loaded: LoadedRules, at: number, size: number, body: () => T): T {
    this.#current = loaded;
    this.#at = at;
    this.#size = size;
    WebAssembly.Module = this.#moduleStandIn;
    WebAssembly.Instance = this.#instanceStandIn;
    WebAssembly.Memory = this.#memoryStandIn;
    try {
      return body();
    } finally {
      WebAssembly.Module = RealModule;
      WebAssembly.Instance = RealInstance;
      WebAssembly.Memory = RealMemory;
      // YARA-X never drops the instance it made for this scan; without its exports it holds nothing.
      if (this.#live !== undefined) this.#live.exports = null;
      this.#live = undefined;
      this.#current = undefined;
    }
  }

  #take(index: number): unknown {
    const value = this.#raw.__wbindgen_externrefs.get(index);
    this.#raw.__externref_table_dealloc_command_export(index);
    return value;
  }

  /** `new WebAssembly.Module` while a scan runs: the conditions of the set, compiled once. */
  readonly #moduleStandIn = new Proxy(RealModule, {
    construct: (_target, [bytes]: [Uint8Array<ArrayBuffer>]) => {
      const loaded = this.#current;
      if (loaded === undefined) return new RealModule(bytes);
      loaded.conditions ??= new RealModule(bytes);
      return loaded.conditions;
    },
  });

  /** `new WebAssembly.Memory` while a scan runs: the one of the scan before, as if it were new. Each new one would bring a collection nearer. */
  readonly #memoryStandIn = new Proxy(RealMemory, {
    construct: (_target, [shape]: [{ readonly initial: number }]) => {
      const loaded = this.#current;
      const { initial } = shape;
      if (loaded?.memory?.pages === initial && loaded.memory.memory.buffer.byteLength === initial * 65_536) {
        new Uint8Array(loaded.memory.memory.buffer).fill(0);
        return loaded.memory.memory;
      }
      const memory = new RealMemory(shape);
      if (loaded !== undefined) loaded.memory = { pages: initial, memory };
      return memory;
    },
  });

  /** `new WebAssembly.Instance` while a scan runs: with the frequent imports from {@link hotImportsModule}. */
  readonly #instanceStandIn = new Proxy(RealInstance, {
    construct: (_target, [module, imports]: [WebAssembly.Module, Record<string, Record<string, unknown>>]) => {
      const { yara_x: rules, "yara_x::wasm": calls } = imports;
      if (rules === undefined || calls === undefined)
        return new RealInstance(module, imports as Bun.WebAssembly.Imports);
      const hot = new RealInstance(this.#hot, {
        engine: { memory: this.#raw.memory },
        rules: rules as Bun.WebAssembly.ModuleImports,
      }).exports as Exports;
      (hot.at as WebAssembly.Global).value = this.#at;
      (hot.size as WebAssembly.Global).value = BigInt(this.#size);
      for (const call of Object.keys(calls)) {
        const name = call.slice(0, call.indexOf("@"));
        if (hotImportNames.has(name)) calls[call] = hot[name];
      }
      const real = new RealInstance(module, imports as Bun.WebAssembly.Imports);
      const live = { exports: { main: real.exports.main } as Exports | null };
      this.#live = live;
      return live as unknown as WebAssembly.Instance;
    },
  });

  /** Empty when both ways give the known answers. Throws {@link YaraCrash} when the plain one does not. */
  #selfTest(): string {
    const compiler = this.compiler();
    compiler.defineGlobal("filename", "");
    compiler.addSource(testRules);
    const loaded = new LoadedRules(compiler.build(), 100);
    compiler.free();
    try {
      loaded.scanner.setGlobal("filename", "known.bin");
      const names = (): string => {
        const found = this.#scan(loaded, testData);
        return found.matches.map((rule) => rule.identifier).join(" ");
      };
      const plain = names();
      if (plain !== testAnswer) throw new YaraCrash(`YARA-X fails its self-test: it found '${plain}'`);
      this.#isFast = true;
      // Twice: the second scan runs on what the first kept.
      for (let turn = 0; turn < 2; turn++) {
        const fast = names();
        if (fast !== testAnswer) return `the fast way found '${fast}' where '${testAnswer}' is right`;
      }
      if (loaded.conditions === undefined) return "this version of YARA-X compiles its conditions in another way";
      return "";
    } catch (error) {
      if (error instanceof YaraCrash && !this.#isFast) throw error;
      return `the fast way failed: ${String(error)}`;
    } finally {
      this.#isFast = false;
      loaded.free();
    }
  }
}

/** 0..15, the word of the rules below, then 0xff. */
const testData = Uint8Array.from([...Array(16).keys(), ...new TextEncoder().encode("sentinel"), 0xff, 0xfe]);
const testRules = `
rule reads_little { condition: uint16(1) == 0x0201 and uint32(4) == 0x07060504 and uint8(3) == 3 }
rule reads_big { condition: uint16be(1) == 0x0102 and uint32be(4) == 0x04050607 }
rule reads_signed { condition: int8(24) == -1 and int16(24) == -257 }
rule reads_past { condition: not defined uint16(25) and not defined uint32(0x7fffffffffffffff) and not defined uint8(-1) }
rule never { condition: uint16(0) == 0x5a4d }
rule word { strings: $a = "sentinel" condition: $a at 16 }
rule count { strings: $a = "sen" $b = "tin" $c = "absent" condition: 2 of them and #a == 1 }
rule too_many { strings: $a = "sen" $b = "absent" condition: 2 of them }
rule named { condition: filename == "known.bin" }
`;
const testAnswer = "reads_little reads_big reads_signed reads_past word count named";

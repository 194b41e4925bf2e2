import { expect, test } from "bun:test";
import fc from "fast-check";
import { parsePasswd, UserNames } from "./user-names.ts";

function table(more: { namespacesMax?: number; hostMountNs?: number } = {}) {
  const asked: [number, number][] = [];
  const clock = { ms: 0 };
  const names = new UserNames({
    namespacesMax: 4,
    wanted: (mountNs, pid) => void asked.push([mountNs, pid]),
    nowMs: () => clock.ms,
    ...more,
  });
  return { names, asked, clock };
}

/** PROC_USER_INIT_INO of include/linux/proc_ns.h. */
const host = 0xeffffffd;

const root = new Map([[0, "root"]]);

test("passwd gives the first name of each uid, and skips what is no entry", () => {
  const text = [
    "root:x:0:0:root:/root:/bin/bash",
    "toor:x:0:0::/root:/bin/sh",
    "# comment:x:5:5",
    "",
    ":x:6:6",
    "nouid:x",
    "letters:x:abc:7",
    "negative:x:-1:7",
    "huge:x:99999999999:7",
    "+nis::::::",
    "user with spaces:x:1000:1000",
    "cut:x:1001",
    "größe:x:1002:1002\r",
    `${"n".repeat(257)}:x:1003:1003`,
  ].join("\n");
  expect([...parsePasswd(text)]).toEqual([
    [0, "root"],
    [1000, "user with spaces"],
    [1001, "cut"],
    [1002, "größe"],
  ]);
});

test("any text is a passwd of bounded size", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 2000, unit: "binary" }), (text) => {
      for (const [uid, name] of parsePasswd(text)) {
        expect(Number.isSafeInteger(uid)).toBe(true);
        expect(name).not.toBe("");
      }
    }),
  );
  const many = Array.from({ length: 20_000 }, (_, i) => `u${i}:x:${i}:0`).join("\n");
  expect(parsePasswd(many).size).toBe(16_384);
});

test("a namespace is asked for once, and has no names until the answer is there", () => {
  const { names, asked } = table();
  expect([names.name(7, host, 0, 100), names.name(7, host, 1, 101)]).toEqual([undefined, undefined]);
  expect(asked).toEqual([[7, 100]]);
  names.set(7, root);
  expect([names.name(7, host, 0, 102), names.name(7, host, 1, 103)]).toEqual(["root", undefined]);
  expect(asked.length).toBe(1);
});

test("namespaces have names of their own", () => {
  const { names } = table();
  names.set(1, root);
  names.set(2, new Map([[0, "toor"]]));
  expect([names.name(1, host, 0, 9), names.name(2, host, 0, 9)]).toEqual(["root", "toor"]);
});

test("when nobody could be read the next process is asked; an answer that was there stays", () => {
  const { names, asked, clock } = table();
  names.name(7, host, 0, 100);
  names.forget(7);
  names.name(7, host, 0, 101);
  expect(asked).toEqual([
    [7, 100],
    [7, 101],
  ]);
  names.set(7, root);
  clock.ms = 1000;
  expect(names.name(7, host, 0, 102)).toBe("root");
  names.forget(7);
  expect(names.name(7, host, 0, 103)).toBe("root");
});

test("a table is asked for again soon, then ever more seldom, and keeps its names meanwhile", () => {
  const { names, asked, clock } = table();
  names.set(7, root);
  const askedAt: number[] = [];
  for (clock.ms = 0; clock.ms < 600_000; clock.ms += 100) {
    const before = asked.length;
    expect(names.name(7, host, 0, 1)).toBe("root");
    if (asked.length > before) askedAt.push(clock.ms);
  }
  const gaps = askedAt.map((at, i) => at - (askedAt[i - 1] ?? 0));
  expect(gaps.slice(0, 4)).toEqual([500, 1000, 2000, 4000]);
  expect(gaps.at(-1)).toBe(60_000);
  expect(askedAt.length).toBeLessThan(20);
});

test("too many namespaces push out the oldest, never the host's", () => {
  const { names, asked } = table({ namespacesMax: 3, hostMountNs: 1 });
  names.set(1, root);
  for (let ns = 2; ns < 100; ns++) names.name(ns, host, 0, ns);
  expect(names.evicted).toBe(96);
  expect(names.name(1, host, 0, 5)).toBe("root");
  expect(asked.length).toBe(98);
  expect(names.name(2, host, 0, 5)).toBeUndefined();
  expect(asked.at(-1)).toEqual([2, 5]);
});

test("in a user namespace of its own a process has the host's names for what the kernel says", () => {
  const { names, asked } = table({ hostMountNs: 1 });
  names.set(1, root);
  names.set(2, new Map([[0, "forged"]]));
  expect(names.name(2, 4026532999, 0, 5)).toBe("root");
  expect(names.name(2, host, 0, 5)).toBe("forged");
  // A kernel without user namespaces says 0.
  expect(names.name(2, 0, 0, 5)).toBe("forged");
  expect(asked).toEqual([]);
});

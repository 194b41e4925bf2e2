import { expect, test } from "bun:test";
import { processIdentity } from "./identity.ts";

test("the identity of a process is the SHA-256 of host, pid and start in two spellings", () => {
  // printf '%s' 'host-1|4242|123456789' | sha256sum → 1f2b842a…, worked out with coreutils.
  const { entityId, guid } = processIdentity("host-1", 4242, 123456789n);
  expect(entityId).toBe("HyuEKpcn4OkiiSzWQcv7L2");
  expect(guid).toBe("{1F2B842A-9727-E0E9-2289-2CD641CBFB2F}");
});

test("another host, pid or start is another identity, and number, bigint and text of one start are the same", () => {
  const same = [1700000000, 1700000000n, "1700000000"].map((start) => processIdentity("h", 1, start).entityId);
  expect(new Set(same).size).toBe(1);
  const others = [processIdentity("i", 1, 1), processIdentity("h", 2, 1), processIdentity("h", 1, 2)];
  expect(new Set(others.map(({ guid }) => guid)).size).toBe(3);
});

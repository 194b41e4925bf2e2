import { expect, test } from "bun:test";
import { StormWatch } from "./storm.ts";

test("a storm is over once, at the first quiet time after it", () => {
  const watch = new StormWatch();
  const told = [50, 100, 5000, 9000, 9500, 9550, 9560, 9570].map((total) => watch.isOver(total));
  expect(told).toEqual([false, false, false, false, false, true, false, false]);
});

test("a count that starts anew (a restarted worker) is no quiet time", () => {
  const watch = new StormWatch();
  expect([5000, 20, 40].map((total) => watch.isOver(total))).toEqual([false, false, true]);
});

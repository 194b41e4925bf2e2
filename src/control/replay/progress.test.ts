import { expect, test } from "bun:test";
import { ProgressLine, progressText } from "./progress.ts";

test("says share, amount, events, rate and what is left", () => {
  expect(progressText(1_200_000_000, 2_900_000_000, 600_000, 3)).toBe(
    "41 %  1.20 GB of 2.90 GB  600,000 events  200,000/s  0:05 left",
  );
  expect(progressText(5_000_000, 3_605_000_000, 10, 5)).toContain("1:00:00 left");
});

test("leaves out what is not known", () => {
  expect(progressText(500_000, 0, 10, 0)).toBe("500 kB  10 events  0/s");
  // More than there should be: a file that grows, or an archive that is read twice.
  expect(progressText(2000, 1000, 10, 2)).toBe("2 kB  10 events  5/s");
});

test("is drawn now and then, fits the terminal, and makes way for the log", () => {
  let nowMs = 0;
  const written: string[] = [];
  const terminal = { columns: 20, write: (text: string) => written.push(text) };
  const line = new ProgressLine({ terminal, now: () => nowMs });
  line.update(1, 100, 1);
  nowMs = 50;
  line.update(2, 100, 2);
  expect(written).toHaveLength(1);
  expect(written[0]).toStartWith("\r\x1b[K1 %");
  expect(written[0]?.length).toBeLessThanOrEqual("\r\x1b[K".length + 19);
  const log = line.around({ write: (text) => written.push(text), reopen() {}, flush: async () => {}, lost: 0 });
  log.write("a warning");
  log.write("another");
  expect(written.slice(1)).toEqual(["\r\x1b[K", "a warning", "another"]);
  line.update(3, 100, 3);
  line.clear();
  line.clear();
  expect(written.slice(4)).toEqual([expect.stringContaining("3 %"), "\r\x1b[K"]);
});

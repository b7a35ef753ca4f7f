import process from "node:process";
import { expect } from "vitest";

/** Texts that made something slow once, or would make the careless way of reading them slow. */
const WORST: Record<string, (length: number) => string> = {
  "slashes and something else": (length) => `${"/".repeat(length - 1)}x`,
  "equals signs and something else": (length) => `${"=".repeat(length - 1)}x`,
  "blanks and something else": (length) => `${" ".repeat(length - 1)}x`,
  "noughts and something else": (length) => `${"0".repeat(length - 1)}x`,
  "digits": (length) => "9".repeat(length),
  "dots and at signs": (length) => "a@.".repeat(length / 3),
  "half an address": (length) => "a.".repeat(length / 2),
  "letters without a digit": (length) => "a".repeat(length),
  "hyphens": (length) => "-".repeat(length),
  "colons": (length) => ":".repeat(length),
  "semicolons and commas": (length) => "; ,".repeat(length / 3),
  "pairs": (length) => "a=b&".repeat(length / 4),
  "broken escapes": (length) => "%E0%A4%A".repeat(length / 8),
  "escaped blanks": (length) => "%20".repeat(length / 3),
  "brackets": (length) => "[".repeat(length),
  "quotes and backslashes": (length) => '\\"'.repeat(length / 2),
  "folders up": (length) => "a/../".repeat(length / 5),
  "a path of a token": (length) => "/orders/checkouts".repeat(length / 17),
  "a host beyond ASCII": (length) =>
    `https://${
      Array.from({ length: length - 8 }, (_, at) => String.fromCharCode(0x4e00 + at % 9000)).join("")
    }`,
  "accents": (length) => `a${"\u0301\u0323".repeat((length - 1) / 2)}`,
  "lone surrogates": (length) => "\ud800".repeat(length),
};

/** The same length, and nothing in it to stumble over. */
const HARMLESS = (length: number): string => "ab ".repeat(length / 3);

/** CPU of this thread, in ms, the least of three runs: the others had a collection of garbage in them. */
async function cpuOf(run: () => Promise<unknown>): Promise<number> {
  let least = Infinity;
  for (let time = 0; time < 3; time++) {
    const before = process.threadCpuUsage();
    await run();
    const { user, system } = process.threadCpuUsage(before);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}

/**
 * Fails where a text of 60,000 characters takes more than twenty times what a harmless one of that length takes (at least a
 * millisecond). What grows with the square of the length takes thousands of times that.
 *
 * @param options.only which of the texts can be sent there
 * @param options.parts further texts: these, over and over
 */
export async function expectLinear(
  answer: (text: string) => Promise<unknown>,
  options: { length?: number; only?: (text: string) => boolean; parts?: string[] } = {},
): Promise<void> {
  const length = options.length ?? 60_000;
  const harmless = Math.max(1, await cpuOf(() => answer(HARMLESS(length))));
  const slow: string[] = [];
  const own = (options.parts ?? []).map((part) =>
    [part, (size: number) => part.repeat(size / part.length)] as const
  );
  for (const [name, make] of [...Object.entries(WORST), ...own]) {
    const text = make(length);
    if (options.only && !options.only(text)) continue;
    const took = await cpuOf(() => answer(text));
    if (took > 20 * harmless) slow.push(`${name}: ${took.toFixed(1)} ms, harmless ${harmless.toFixed(1)} ms`);
  }
  expect(slow).toEqual([]);
}

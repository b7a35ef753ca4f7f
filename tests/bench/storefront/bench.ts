/** `npm run bench -- storefront`: what the storefront pays, in bytes and in main-thread time on a CPU slowed four times. */
import { existsSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { type Browser, chromium } from "playwright-core";
import { bundle, type BundleName, BUNDLES } from "@trakit/storefront/build.ts";
import { servePages, type Variant, walkerBundle } from "./pages.ts";

const CHROMIUM = "/usr/bin/chromium";
const SLOWED = 4;
/** No task of ours may take longer. */
const LONGEST_MS = 10;
/** What runs script on a page's main thread, as the trace names it. */
const SCRIPT = new Set([
  "EvaluateScript",
  "v8.compile",
  "FunctionCall",
  "RunMicrotasks",
  "TimerFire",
  "EventDispatch",
]);

interface TraceEvent {
  name: string;
  ph: string;
  ts: number;
  /** µs by the clock, and of the thread's own CPU time. */
  dur?: number;
  tdur?: number;
  pid: number;
  tid: number;
}

/**
 * ms of script on the page's main thread, on a CPU slowed so many times: all of it, and its longest task. Counted is the thread's CPU
 * time: Chromium's own throttling goes by the clock, and counts what other processes of a busy machine take. Nested slices count once.
 */
function scriptTime(trace: TraceEvent[]): { total: number; longest: number } {
  const main = trace.find(({ name }) => name === "EvaluateScript");
  const slices = trace
    .filter((one) => one.ph === "X" && SCRIPT.has(one.name) && one.pid === main?.pid && one.tid === main?.tid)
    .sort((a, b) => a.ts - b.ts);
  let total = 0;
  let longest = 0;
  let end = 0;
  for (const { ts, dur = 0, tdur = 0 } of slices) {
    if (ts < end) continue;
    end = ts + dur;
    total += tdur;
    longest = Math.max(longest, tdur);
  }
  return { total: SLOWED * total / 1000, longest: SLOWED * longest / 1000 };
}

/** A first visit, and a later page of the same one: there the session is known and code is cached. */
const PAGES = ["first visit", "later page"] as const;
type Times = ReturnType<typeof scriptTime>;

async function load(browser: Browser, url: string, variant: Variant): Promise<Times[]> {
  const context = await browser.newContext();
  const page = await context.newPage();
  const found: Times[] = [];
  for (const _ of PAGES) {
    await browser.startTracing(page, {
      categories: ["devtools.timeline", "v8", "disabled-by-default-v8.compile"],
    });
    const answered = variant === "nothing"
      ? Promise.resolve()
      : page.waitForResponse((response) => response.url().endsWith("/event")).then((response) =>
        response.finished()
      );
    await page.goto(`${url}/${variant}`, { waitUntil: "load" });
    await answered;
    const trace = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] };
    found.push(scriptTime(trace.traceEvents));
  }
  await context.close();
  return found;
}

const median = (values: number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
const kilo = (bytes: number): string => `${(bytes / 1024).toFixed(2)} KiB`.padStart(10);

export async function bench(options: string[]): Promise<void> {
  const { values } = parseArgs({ args: options, options: { loads: { type: "string", default: "9" } } });
  const walker = await walkerBundle();
  process.stdout.write(
    `Size                              minified       gzip     brotli      limit (gzip)\n`,
  );
  const size = (name: string, text: string, limit?: number) =>
    process.stdout.write(
      `${name.padEnd(30)} ${kilo(text.length)} ${kilo(gzipSync(text, { level: 9 }).length)} ${
        kilo(brotliCompressSync(text).length)
      } ${limit === undefined ? "" : kilo(limit)}\n`,
    );
  for (const name of Object.keys(BUNDLES) as BundleName[]) {
    size(name, await bundle(name), BUNDLES[name].limit);
  }
  size("walkerOS collector + browser", walker);
  // Meta states no size. This is that of the file itself as Meta's server gave it, by copies kept in public repositories (fbevents.js
  // 2.9.252, release segment "stable": 353,548 characters); what it loads besides for each pixel is not in it, and gzip was not measured.
  process.stdout.write(
    `${"Meta's fbevents.js 2.9.252".padEnd(30)} ${
      kilo(353_548)
    }   (as published by Meta; one of its requests)\n`,
  );

  if (!existsSync(CHROMIUM)) {
    process.stdout.write(`\nNo ${CHROMIUM}: main-thread time is not measured.\n`);
    return;
  }
  const pages = await servePages(walker);
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu"],
  });
  try {
    const variants: Variant[] = ["nothing", "trakit", "walkeros"];
    const found = new Map<string, Times[]>();
    // in turn, so that what else the machine does meets them all; the first round is not counted
    for (let round = -1; round < Number(values.loads); round++) {
      for (const variant of variants) {
        const times = await load(browser, pages.url, variant);
        if (round < 0) continue;
        times.forEach((one, index) => {
          const name = `${variant}, ${PAGES[index]}`;
          found.set(name, [...found.get(name) ?? [], one]);
        });
      }
    }
    process.stdout.write(
      `\nMain thread, CPU slowed ${SLOWED} times, ${values.loads} loads each, from navigation to the first answered event\n`,
    );
    process.stdout.write(
      `${"".padEnd(30)}     script    longest task: median      worst   (limit ${LONGEST_MS} ms)\n`,
    );
    const ms = (value: number) => `${value.toFixed(1)} ms`.padStart(10);
    for (const [name, times] of found) {
      const longest = times.map((one) => one.longest);
      process.stdout.write(
        `${name.padEnd(30)} ${ms(median(times.map(({ total }) => total)))} ${
          ms(median(longest)).padStart(23)
        } ${ms(Math.max(...longest))}\n`,
      );
    }
  } finally {
    await browser.close();
    pages.close();
  }
}

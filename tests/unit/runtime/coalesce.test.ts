import { setImmediate } from "node:timers";
import { describe, expect, test } from "vitest";
import { Coalescer } from "@trakit/runtime/coalesce.ts";

interface Run {
  key: string;
  items: number[];
  end: (results: string[]) => void;
  fail: (error: unknown) => void;
}

/** A coalescer whose runs end when told. */
function held(options: { atOnce: number; most: number }) {
  const runs: Run[] = [];
  const coalescer = new Coalescer<number, string>({
    ...options,
    work: (key, items) => new Promise((end, fail) => runs.push({ key, items, end, fail })),
  });
  return { runs, coalescer };
}

/** Lets every promise that is ready go on. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("a coalescer", () => {
  test("runs what comes alone at once", () => {
    const { runs, coalescer } = held({ atOnce: 1, most: 10 });
    void coalescer.submit("a", 1);
    expect(runs.map((run) => run.items)).toEqual([[1]]);
  });

  test("gathers what comes while it is busy into one run", async () => {
    const { runs, coalescer } = held({ atOnce: 1, most: 10 });
    const results = [1, 2, 3, 4].map((item) => coalescer.submit("a", item));
    expect(runs).toHaveLength(1);
    runs[0]!.end(["one"]);
    await turn();
    expect(runs.map((run) => run.items)).toEqual([[1], [2, 3, 4]]);
    runs[1]!.end(["two", "three", "four"]);
    expect(await Promise.all(results)).toEqual(["one", "two", "three", "four"]);
  });

  test("takes no more than `most` into one run, in the order they came", async () => {
    const { runs, coalescer } = held({ atOnce: 1, most: 3 });
    for (let item = 0; item < 8; item++) void coalescer.submit("a", item);
    for (let run = 0; run < 4; run++) {
      await turn();
      runs[run]!.end(runs[run]!.items.map(String));
    }
    await turn();
    expect(runs.map((run) => run.items)).toEqual([[0], [1, 2, 3], [4, 5, 6], [7]]);
  });

  test("runs as many at once as it may, and no more", async () => {
    const { runs, coalescer } = held({ atOnce: 2, most: 10 });
    for (const item of [1, 2, 3, 4]) void coalescer.submit("a", item);
    expect(runs.map((run) => run.items)).toEqual([[1], [2]]);
    runs[1]!.end(["two"]);
    await turn();
    expect(runs.map((run) => run.items)).toEqual([[1], [2], [3, 4]]);
  });

  test("never holds one key up for another, nor mixes them", () => {
    const { runs, coalescer } = held({ atOnce: 1, most: 10 });
    void coalescer.submit("a", 1);
    void coalescer.submit("b", 2);
    expect(runs.map((run) => [run.key, run.items])).toEqual([["a", [1]], ["b", [2]]]);
  });

  test("fails every item of a failed run and none of the next", async () => {
    const { runs, coalescer } = held({ atOnce: 1, most: 2 });
    const results = Promise.allSettled([1, 2, 3, 4].map((item) => coalescer.submit("a", item)));
    runs[0]!.end(["one"]);
    await turn();
    runs[1]!.fail(new Error("no"));
    await turn();
    runs[2]!.end(["four"]);
    expect((await results).map((one) => one.status === "fulfilled" ? one.value : String(one.reason)))
      .toEqual(["one", "Error: no", "Error: no", "four"]);
  });

  test("is at rest again after a run, failed or not", async () => {
    const { runs, coalescer } = held({ atOnce: 1, most: 2 });
    const failing = coalescer.submit("a", 1);
    runs[0]!.fail(new Error("no"));
    await expect(failing).rejects.toThrow("no");
    await turn();
    const next = coalescer.submit("a", 2);
    expect(runs[1]!.items).toEqual([2]);
    runs[1]!.end(["two"]);
    expect(await next).toBe("two");
  });
});

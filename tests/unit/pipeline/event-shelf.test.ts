import { expect, test } from "vitest";
import { toStored } from "@trakit/core/stored.ts";
import { exampleEvent } from "@trakit/destinations/shared/example-event.ts";
import { EventShelf } from "@trakit/pipeline/dispatch/event-shelf.ts";

/** A database of events whose versions can be moved; `asked` is what was read of it, call by call. */
function database(versions: Record<number, string>) {
  const asked: number[][] = [];
  const shelf = new EventShelf(async (shopId, keys) => {
    asked.push(keys.map(({ event_row }) => event_row));
    await Promise.resolve();
    return keys.filter(({ event_row }) => versions[event_row] !== undefined).map(({ event_row }) => ({
      event_row,
      version: versions[event_row]!,
      event: toStored(
        exampleEvent("page_viewed", { event_id: `${shopId} ${event_row} ${versions[event_row]}` }),
      ),
    }));
  });
  const read = async (shopId: string, rows: number[], version = "1") =>
    (await shelf.read(shopId, rows.map((event_row) => ({ captured_at: "then", event_row, version }))))
      .map((event) => event?.event_id);
  return { shelf, take: read, asked };
}

test("lanes drained at the same time read each event once, and in the order they ask", async () => {
  const { shelf, take, asked } = database({ 1: "1", 2: "1", 3: "1" });
  shelf.enter();
  const [first, second, third] = await Promise.all([
    take("shop", [1, 2]),
    take("shop", [3, 1]),
    take("shop", [2]),
  ]);
  expect(first).toEqual(["shop 1 1", "shop 2 1"]);
  expect(second).toEqual(["shop 3 1", "shop 1 1"]);
  expect(third).toEqual(["shop 2 1"]);
  expect(asked).toEqual([[1, 2], [3]]);
});

test("an event that changed is read again, one that is gone is not there", async () => {
  const versions: Record<number, string> = { 1: "1", 2: "1" };
  const { shelf, take, asked } = database(versions);
  shelf.enter();
  await take("shop", [1, 2]);
  versions[1] = "2";
  delete versions[2];
  expect(await take("shop", [1], "2")).toEqual(["shop 1 2"]);
  expect(await take("shop", [2], "2")).toEqual([undefined]);
  expect(asked).toHaveLength(3);
});

test("one shop's event is never another's, whatever its number", async () => {
  const { shelf, take } = database({ 1: "1" });
  shelf.enter();
  expect(await take("one", [1])).toEqual(["one 1 1"]);
  expect(await take("two", [1])).toEqual(["two 1 1"]);
});

test("nothing is kept once nobody drains", async () => {
  const { shelf, take, asked } = database({ 1: "1" });
  const [leave, leaveToo] = [shelf.enter(), shelf.enter()];
  await take("shop", [1]);
  leave();
  await take("shop", [1]);
  expect(asked).toHaveLength(1);
  leaveToo();
  shelf.enter();
  await take("shop", [1]);
  expect(asked).toHaveLength(2);
});

test("a read that fails is told to all who wait for it, and made again for the next", async () => {
  let fails = true;
  const shelf = new EventShelf((_, keys) =>
    fails ? Promise.reject(new Error("away")) : Promise.resolve(keys.map(({ event_row }) => ({
      event_row,
      version: "1",
      event: toStored(exampleEvent("page_viewed", { event_id: String(event_row) })),
    })))
  );
  shelf.enter();
  const keys = [{ captured_at: "then", event_row: 1, version: "1" }];
  const both = await Promise.allSettled([shelf.read("shop", keys), shelf.read("shop", keys)]);
  expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  fails = false;
  expect((await shelf.read("shop", keys))[0]!.event_id).toBe("1");
});

test("more events than it keeps push the oldest out, and are all given", async () => {
  const rows = Array.from({ length: 8_000 }, (_, index) => index + 1);
  const { shelf, take, asked } = database(Object.fromEntries(rows.map((row) => [row, "1"])));
  shelf.enter();
  for (let from = 0; from < rows.length; from += 2_000) {
    expect(new Set(await take("shop", rows.slice(from, from + 2_000))).size).toBe(2_000);
  }
  await take("shop", [8_000]);
  expect(asked).toHaveLength(4);
  // of one claim, some kept and some long gone
  expect(await take("shop", [7_999, 1])).toEqual(["shop 7999 1", "shop 1 1"]);
  expect(asked.at(-1)).toEqual([1]);
});

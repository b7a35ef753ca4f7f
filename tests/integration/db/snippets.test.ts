/** The operator's queries in supabase/snippets run as they stand, as the dashboard's SQL editor runs them. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { beforeAll, expect, test } from "vitest";
import { repositoryRoot } from "@trakit/tooling/repository.ts";
import { fromShopify } from "../../support/captured.ts";
import { testDatabase } from "../../support/database.ts";
import { testQueue } from "../../support/queue.ts";
import { newShop } from "../../support/shop.ts";

const db = await testDatabase();
const folder = join(repositoryRoot, "supabase/snippets");
const files = globSync("*.sql", { cwd: folder }).sort();

beforeAll(async () => {
  await (await testQueue(db)).stop({ graceful: false });
  const shop = await newShop(db, { domain: "your-shop.myshopify.com", platforms: ["meta", "google"] });
  const now = new Date();
  const answer = await shop.ingest([
    fromShopify("checkout_completed", { occurred_at: now, commerce: { order_id: "1", order_name: "#1042" } }),
  ], { slots: 1, now });
  await shop.settle([answer.sends[0]!], { kind: "permanent", reason: "invalid_event", detail: "bad" }, now);
});

test.each(files)("%s runs as it stands, and its first line says what for", async (file) => {
  const text = readFileSync(join(folder, file), "utf8");
  expect(text).toMatch(/^-- [A-Z]/);
  // several statements: the simple protocol, as the editor uses it, gives one result each
  const client = new pg.Client({ connectionString: db.url("postgres") });
  await client.connect();
  try {
    const results = await client.query(text) as unknown as pg.QueryResult | pg.QueryResult[];
    for (const { fields } of [results].flat()) expect(fields.length).toBeGreaterThan(0);
  } finally {
    await client.end();
  }
});

test("the order is found at both platforms, its failure with the vendor's words, and the dry run counts it", async () => {
  const run = async (file: string) =>
    await db.query("postgres", readFileSync(join(folder, file), "utf8").split(/;\s*(\n|$)/)[0]!);
  expect(await run("order-across-platforms.sql")).toHaveLength(2);
  expect(await run("what-failed-and-why.sql")).toEqual([
    expect.objectContaining({
      domain: "your-shop.myshopify.com",
      reason: "invalid_event",
      words: "bad",
      deliveries: "1",
    }),
  ]);
  expect(await run("what-waits.sql")).toHaveLength(1);
  expect(await run("replay.sql")).toEqual([
    { replay: { dry_run: true, replayed: 1, refused: {} } },
  ]);
});

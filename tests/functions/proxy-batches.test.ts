import { afterEach, expect, test, vi } from "vitest";
import { ingestBrowserEvents } from "@trakit/db/calls/ingest-browser-events.ts";
import { decodeBrowserEvent } from "@trakit/shopify/browser.ts";
import { withCookies } from "../../functions/proxy/cookies.ts";
import { proxyHandler } from "../../functions/proxy/handler.ts";
import { EVENING, pipelineKit, SECRET } from "../support/pipeline.ts";
import { directRequest, proxied, YES } from "../support/storefront.ts";

/** What one event of a batch costs the others, and what is done once for all of them. */

vi.mock("../../functions/proxy/cookies.ts", { spy: true });
vi.mock("@trakit/shopify/browser.ts", { spy: true });
vi.mock("@trakit/db/calls/ingest-browser-events.ts", { spy: true });
afterEach(() => {
  vi.mocked(decodeBrowserEvent).mockRestore();
  vi.clearAllMocks();
});

const kit = await pipelineKit();
const handle = proxyHandler({
  ...kit.deps(),
  secrets: [SECRET],
  waitUntil: kit.waitUntil,
  chance: (bytes) => new Uint8Array(bytes),
  scripts: {},
});

const view = (id: string) => ({
  id,
  name: "page_viewed",
  timestamp: EVENING,
  page: { url: "https://shop.example/" },
});
const ids = (count: number) => Array.from({ length: count }, (_, i) => `view-${String(i).padStart(4, "0")}`);

async function answered(request: Request) {
  const response = await handle(request);
  const body = await response.json() as { results: { event_id: string; status: string; reason?: string }[] };
  await kit.settled();
  return { status: response.status, results: body.results };
}

/** No event whose id this fits can be stored, as by a mistake in a migration. */
async function without<T>(pattern: string, work: () => Promise<T>): Promise<T> {
  await kit.database.query(
    "postgres",
    `alter table trakit.events add constraint not_this_one check (event_id !~ '${pattern}') not valid`,
  );
  try {
    return await work();
  } finally {
    await kit.database.query("postgres", "alter table trakit.events drop constraint not_this_one");
  }
}

test("one event Postgres refuses costs no other of its batch", async () => {
  const shop = await kit.shop();
  const events = ids(5).map(view);
  const batch = { events, visitor: { visitor_id: "ab".repeat(16) }, consent: YES };
  const { status, results } = await without(
    "view-0002",
    () => answered(proxied(shop.domain, batch, EVENING)),
  );
  expect(status).toBe(202);
  expect(results.map(({ event_id, status, reason }) => [event_id, status, reason ?? null])).toEqual(
    ids(5).map((id) => [id, ...(id === "view-0002" ? ["refused", "event_refused"] : ["accepted", null])]),
  );
  const stored = (await kit.events(shop.id)).map((event) => event.event_id).sort();
  expect(stored).toEqual(ids(5).filter((id) => id !== "view-0002"));
  // each went to its own platforms' queue or vendor, under its own id
  const sent = await kit.deliveries(shop.id);
  expect(new Set(sent.filter((row) => row.state === "delivered").map((row) => row.event_row)).size).toBe(4);
  expect(JSON.stringify(kit.requests())).not.toContain("view-0002");
  expect(await kit.refusals(shop.id)).toEqual({ event_refused: 1 });
});

test("a batch of one refused event is answered, not failed, so that the browser keeps nothing for it", async () => {
  const shop = await kit.shop();
  const batch = { events: [view("view-0000")], consent: YES };
  const { status, results } = await without(
    "view-0000",
    () => answered(proxied(shop.domain, batch, EVENING)),
  );
  expect({ status, results }).toMatchObject({
    status: 202,
    results: [{ status: "refused", reason: "event_refused" }],
  });
  expect(vi.mocked(ingestBrowserEvents).mock.calls.length).toBe(3);
});

test("a sender is counted once for each event, however the batch was stored", async () => {
  const shop = await kit.shop();
  const batch = { events: ids(5).map(view), consent: YES };
  await without("view-000[234]", () => answered(proxied(shop.domain, batch, EVENING)));
  const rows = await kit.database.query<{ events: number }>(
    "postgres",
    "select sum(events)::integer as events from trakit.sender_rates where shop_id = $1 group by sender",
    [shop.id],
  );
  // its address, and the shop
  expect(rows).toEqual([{ events: 5 }, { events: 5 }]);
});

test("an event our decoder fails on costs no other of its batch", async () => {
  const shop = await kit.shop();
  vi.mocked(decodeBrowserEvent).mockImplementationOnce(() => {
    throw new RangeError("of maya.okafor@example.com");
  });
  const { status, results } = await answered(
    proxied(shop.domain, { events: ids(3).map(view), consent: YES }, EVENING),
  );
  expect(status).toBe(202);
  expect(results.map((one) => one.reason ?? one.status)).toEqual(["decoder_failed", "accepted", "accepted"]);
  expect(await kit.refusals(shop.id)).toEqual({ decoder_failed: 1 });
  expect(kit.lines.join("\n")).toContain("proxy_failed");
  expect(kit.lines.join("\n")).not.toContain("maya");
});

test("the visitor's cookies are read once for a batch, not once for each of its events", async () => {
  const shop = await kit.shop();
  const cookie = Array.from({ length: 100 }, (_, i) => `name-${i}=${"x".repeat(300)}`).join("; ");
  const { status, results } = await answered(
    directRequest(shop.domain, { events: ids(50).map(view), consent: YES }, { headers: { cookie } }),
  );
  expect([status, results.length]).toEqual([202, 50]);
  expect(withCookies).toHaveBeenCalledTimes(1);
});

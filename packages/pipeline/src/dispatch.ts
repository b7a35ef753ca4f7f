import { Buffer } from "node:buffer";
import type { CanonicalEvent } from "@trakit/core/event.ts";
import { backoffMs } from "@trakit/core/backoff.ts";
import { type Outcome, outcome } from "@trakit/core/outcome.ts";
import type { SendableDestination } from "@trakit/db/calls/ingest-events.ts";
import { type Settlement, settleDeliveries } from "@trakit/db/calls/settle-deliveries.ts";
import type { Destination, HttpRequest, JsonObject } from "@trakit/destinations/destination.ts";
import { destination as findDestination } from "@trakit/destinations/registry.ts";
import { errorFields } from "@trakit/runtime/log.ts";
import { send, type Sent } from "@trakit/runtime/send.ts";
import { type PipelineDependencies, SEND_TIMEOUT_MS } from "./dependencies.ts";
import { unsealedToken } from "./tokens.ts";

/** One leased delivery with all that is needed to send it. */
export interface Send {
  captured_at: string;
  event_row: number;
  destination_id: string;
  lease: string;
  limited: boolean;
  /** Sends begun, this one included. */
  attempts: number;
  doubts: number;
  event: CanonicalEvent;
}

/** Leased deliveries of one destination. */
export interface DestinationSends {
  shopId: string;
  destination: SendableDestination;
  sends: Send[];
}

interface Mapped {
  send: Send;
  body: JsonObject;
}

/** Settle what is done after this long, rather than letting one slow vendor keep the others' word open (ms). */
const SETTLE_AFTER_MS = 250;

/**
 * Sends leased deliveries of one shop, destinations in parallel, and settles them: together in one round trip when all are
 * quick, what is done first when one is slow. Never throws: whatever could not be settled is found by its lease's end.
 * Returns how many deliveries came to which end.
 */
export async function dispatch(deps: PipelineDependencies, groups: DestinationSends[]): Promise<Record<string, number>> {
  const totals: Record<string, number> = {};
  const done: Settlement[] = [];
  let open = 0;
  let wake: () => void = () => {};
  const shopId = groups[0]?.shopId;
  if (shopId === undefined) return totals;

  const settle = async () => {
    const settlements = done.splice(0);
    if (settlements.length === 0) return;
    for (const { kind } of settlements) totals[kind] = (totals[kind] ?? 0) + 1;
    try {
      await settleDeliveries(deps.db, shopId, settlements, deps.databaseNow?.());
    } catch (error) {
      deps.log.error("settle_failed", { deliveries: settlements.length, ...errorFields(error) });
    }
  };

  for (const group of groups) {
    open++;
    sendAll(deps, group).then(
      (settlements) => done.push(...settlements),
      (error) => deps.log.error("dispatch_failed", { platform: group.destination.platform, ...errorFields(error) }),
    ).finally(() => {
      open--;
      if (open === 0) wake();
    });
  }
  while (open > 0) {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      wake = resolve;
      timer = setTimeout(resolve, SETTLE_AFTER_MS);
    });
    clearTimeout(timer);
    await settle();
  }
  await settle();
  return totals;
}

/** Maps, batches and sends one destination's deliveries; one settlement for each. */
async function sendAll(deps: PipelineDependencies, group: DestinationSends): Promise<Settlement[]> {
  const { destination: row, shopId } = group;
  const platform = findDestination(row.platform);
  const everyone = (one: Outcome) => group.sends.map((item) => settlement(deps, item, one, null));
  // a registry without the platform: an older deployment runs against newer rows; a newer one will send it
  if (!platform) return everyone(outcome("retry", "platform_unknown", { lane: true }));
  const settings = platform.settings.safeParse(row.settings);
  if (!settings.success) return everyone(outcome("auth", "settings_refused", { detail: settings.error.issues[0]?.message ?? null }));
  const token = unsealedToken(deps.keys, shopId, row);
  if (token === null) return everyone(outcome("auth", "token_unreadable"));

  const settled: Settlement[] = [];
  const mapped: Mapped[] = [];
  for (const item of group.sends) {
    // claimed after a send nobody knows the end of: repeat only as far as this vendor deduplicates
    if (item.doubts > platform.inDoubtRepeats(item.event.name)) {
      settled.push(settlement(deps, item, outcome("permanent", "outcome_unknown"), null));
      continue;
    }
    const result = platform.map(item.event, { settings: settings.data, limited: item.limited, now: deps.now() });
    if (result.ok) mapped.push({ send: item, body: result.body });
    else {
      const kind = result.reason === "too_old" ? "permanent" : "skipped";
      settled.push(settlement(deps, item, outcome(kind, result.reason, { detail: result.detail ?? null }), null));
    }
  }

  const baseUrl = deps.vendorHosts[platform.baseUrlSetting] ?? platform.baseUrl;
  for (const batch of batches(platform, mapped)) {
    const build = (part: Mapped[]) =>
      platform.request(part.map((one) => one.body), {
        settings: settings.data,
        token,
        baseUrl,
        testCode: row.test_code,
      });
    settled.push(...await sendBatch(deps, platform, batch, build));
  }
  return settled;
}

/** Splits mapped events into requests within the vendor's limits. */
export function batches<T extends { body: JsonObject }>(
  platform: Pick<Destination, "limits">,
  mapped: T[],
): T[][] {
  const { maxEvents, maxBytes, perRequestKey } = platform.limits;
  const lanes = new Map<string, T[]>();
  for (const one of mapped) {
    const key = perRequestKey ? perRequestKey(one.body) : "";
    const lane = lanes.get(key);
    if (lane) lane.push(one);
    else lanes.set(key, [one]);
  }
  const result: T[][] = [];
  for (const lane of lanes.values()) {
    let batch: T[] = [];
    let bytes = 0;
    for (const one of lane) {
      const size = maxBytes === null ? 0 : Buffer.byteLength(JSON.stringify(one.body));
      // room for the envelope around the events
      if (batch.length > 0 && (batch.length >= maxEvents || (maxBytes !== null && bytes + size > maxBytes - 2_048))) {
        result.push(batch);
        batch = [];
        bytes = 0;
      }
      batch.push(one);
      bytes += size;
    }
    if (batch.length > 0) result.push(batch);
  }
  return result;
}

async function sendBatch(
  deps: PipelineDependencies,
  platform: Destination,
  batch: Mapped[],
  build: (part: Mapped[]) => HttpRequest,
): Promise<Settlement[]> {
  const request = build(batch);
  const sent = await send(request, { fetch: deps.fetch, timeoutMs: SEND_TIMEOUT_MS, now: deps.now });
  const outcomes = read(platform, sent, batch.length);
  if (outcomes === "split") {
    // one event the vendor did not name cost the batch: halve until it stands alone
    const middle = Math.ceil(batch.length / 2);
    const first = await sendBatch(deps, platform, batch.slice(0, middle), build);
    return [...first, ...await sendBatch(deps, platform, batch.slice(middle), build)];
  }
  return batch.map((one, index) => {
    let result = outcomes[index]!;
    if (result.kind === "in_doubt" && one.send.doubts + 1 > platform.inDoubtRepeats(one.send.event.name)) {
      result = { ...result, kind: "permanent", reason: "outcome_unknown" };
    }
    return settlement(deps, one.send, result, sent.ms);
  });
}

function read(platform: Destination, sent: Sent, count: number): Outcome[] | "split" {
  const all = (one: Outcome) => Array.from({ length: count }, () => one);
  if (sent.kind === "not_sent") return all(outcome("retry", sent.reason, { lane: true }));
  if (sent.kind === "in_doubt") return all(outcome("in_doubt", sent.reason, { lane: true }));
  if (sent.status >= 300 && sent.status < 400) return all(outcome("retry", "redirected", { status: sent.status, lane: true }));
  if (sent.cut && sent.status < 300) return all(outcome("in_doubt", "answer_too_large", { status: sent.status, lane: true }));
  const result = platform.classify({ status: sent.status, headers: sent.headers, body: sent.body }, count);
  if (result.kind === "split") return count > 1 ? "split" : [result.outcome];
  return result.outcomes;
}

function settlement(deps: PipelineDependencies, item: Send, result: Outcome, ms: number | null): Settlement {
  const again = result.kind === "retry" || result.kind === "in_doubt";
  return {
    captured_at: item.captured_at,
    event_row: item.event_row,
    destination_id: item.destination_id,
    lease: item.lease,
    kind: result.kind,
    reason: result.reason,
    detail: result.detail,
    status: result.status,
    delay_ms: again ? backoffMs(item.attempts, result.retry_after_ms, deps.random) : null,
    lane: result.lane,
    request_ms: ms,
  };
}

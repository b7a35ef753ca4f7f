import { Buffer } from "node:buffer";
import type { CanonicalEvent } from "@trakit/core/event.ts";
import { backoffMs } from "@trakit/core/backoff.ts";
import { type MatchQuality, matchQuality } from "@trakit/core/match-quality.ts";
import { type Outcome, outcome } from "@trakit/core/outcome.ts";
import type { SendableDestination } from "@trakit/db/calls/ingest-events.ts";
import type { Settlement } from "@trakit/db/calls/settle-deliveries.ts";
import type { Destination, HttpRequest, JsonObject } from "@trakit/destinations/destination.ts";
import { destination as findDestination } from "@trakit/destinations/registry.ts";
import { afterTag, tagTime } from "@trakit/destinations/shared/browser-tags.ts";
import { LEASE_SECONDS, leaseClock, SEND_TIMEOUT_MS, type World } from "../ports.ts";
import { askPlatform } from "./ask-platform.ts";
import { KnownTrouble } from "./known-trouble.ts";
import { unsealed } from "./tokens.ts";

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
  /** When the lease was asked for, on the clock of `leaseClock`. */
  leasedAt: number;
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
  /** False once something was left out of it. */
  repairs?: false;
}

/** Why a leased delivery was handed back without having been sent. */
type Unsent = "lane_in_trouble" | "lease_ending";

/** Requests to one destination under way at once, where one call's events need several (GA4 takes one client each). */
const REQUESTS_AT_ONCE = 8;
/** A request is begun only while its answer, and the settling after it, fit into the lease. */
const LEASE_NEEDED_MS = SEND_TIMEOUT_MS + 5_000;

/**
 * Maps, batches and sends one destination's deliveries; one settlement for each, in order. When the vendor turns out to be
 * in trouble, what was not sent yet is handed back unsent instead of knocking on: the second half of a batch, the next
 * batch, and by `trouble`, which a process's calls share, what other calls hold. The same where a slow vendor used up the
 * lease: whoever claims next would send it a second time.
 */
export async function sendAll(
  world: World,
  group: DestinationSends,
  trouble = new KnownTrouble(),
): Promise<Settlement[]> {
  const { destination: row, shopId } = group;
  const platform = findDestination(row.platform);
  const everyone = (one: Outcome) => group.sends.map((item) => settlement(world, item, one, null));
  // a registry without the platform: an older deployment runs against newer rows; a newer one will send it
  if (!platform) return everyone(outcome("retry", "platform_unknown", { lane_wide: true }));
  const settings = platform.settings.safeParse(row.settings);
  if (!settings.success) {
    return everyone(
      outcome("auth", "settings_refused", { detail: settings.error.issues[0]?.message ?? null }),
    );
  }
  const credentials = unsealed(world.keys, shopId, row);
  if (credentials === null) return everyone(outcome("auth", "token_unreadable"));

  const settled = new Map<Send, Settlement>();
  const settle = (item: Send, result: Outcome, ms: number | null, quality: MatchQuality | null = null) =>
    settled.set(item, settlement(world, item, result, ms, quality));
  const mapped: Mapped[] = [];
  for (const item of group.sends) {
    // claimed after a send nobody knows the end of: repeat only as far as this vendor deduplicates
    if (item.doubts > platform.inDoubtRepeats(item.event.name)) {
      settle(item, outcome("permanent", "outcome_unknown"), null);
      continue;
    }
    const doubled = afterTag(platform, item.event.name, tagTime(item.event, row.platform), world.now());
    if (doubled !== null) {
      settle(item, outcome(doubled === "sent_by_tag" ? "skipped" : "permanent", doubled), null);
      continue;
    }
    const result = platform.map(item.event, {
      settings: settings.data,
      limited: item.limited,
      now: world.now(),
    });
    if (result.ok) mapped.push({ send: item, body: result.body });
    else {
      const kind = result.reason === "too_old" ? "permanent" : "skipped";
      settle(item, outcome(kind, result.reason, { detail: result.detail ?? null }), null);
    }
  }

  const baseUrl = world.vendorHosts[platform.baseUrlSetting] ?? platform.baseUrl;
  const build = (part: Mapped[]) =>
    platform.request(part.map((one) => one.body), {
      settings: settings.data,
      ...credentials,
      baseUrl,
      testCode: row.test_code,
    });
  const queue = batches(platform, mapped);
  const sender = { world, platform, build, trouble };
  await Promise.all(Array.from({ length: Math.min(REQUESTS_AT_ONCE, queue.length) }, async () => {
    for (let batch = queue.shift(); batch; batch = queue.shift()) {
      for (const { item, body, result, ms } of await sendBatch(sender, batch)) {
        if (typeof result === "string") settled.set(item, release(item, result));
        else settle(item, result, ms, matchQuality(platform.matchKeys, body));
      }
    }
  }));
  return group.sends.map((item) => settled.get(item)!);
}

/** Splits mapped events into requests of as many events as the vendor takes; bytes are looked at when a request is built. */
export function batches<T extends { body: JsonObject }>(
  platform: Pick<Destination, "limits">,
  mapped: T[],
): T[][] {
  // The commonest case: there is nothing to compare.
  if (mapped.length < 2) return mapped.length === 0 ? [] : [mapped];
  const { maxEvents, perRequestKey } = platform.limits;
  const groups = new Map<string, T[]>();
  for (const one of mapped) {
    const key = perRequestKey ? perRequestKey(one.body) : "";
    const group = groups.get(key);
    if (group) group.push(one);
    else groups.set(key, [one]);
  }
  const result: T[][] = [];
  for (const group of groups.values()) {
    for (let from = 0; from < group.length; from += maxEvents) {
      result.push(group.slice(from, from + maxEvents));
    }
  }
  return result;
}

/** Whether a request of several events is longer than the vendor takes; its halves may not be. */
export function tooLong(platform: Pick<Destination, "limits">, request: HttpRequest): boolean {
  const { maxBytes } = platform.limits;
  return maxBytes !== null && Buffer.byteLength(request.body) > maxBytes;
}

/** What requests to one destination are made with. */
interface Sender {
  world: World;
  platform: Destination;
  build: (part: Mapped[]) => HttpRequest;
  trouble: KnownTrouble;
}

interface Ended {
  item: Send;
  body: JsonObject;
  /** A word alone: it was not sent, for this reason. */
  result: Outcome | Unsent;
  ms: number;
}

/** Sends one batch, in as many requests as the vendor wants it in. */
async function sendBatch(sender: Sender, batch: Mapped[]): Promise<Ended[]> {
  const { world, platform, build, trouble } = sender;
  const destinationId = batch[0]!.send.destination_id;
  const oldest = Math.min(...batch.map(({ send: item }) => item.leasedAt));
  const unsent = (result: Unsent) => batch.map(({ send: item, body }) => ({ item, body, result, ms: 0 }));
  if (trouble.stops(destinationId, oldest)) return unsent("lane_in_trouble");
  if (leaseClock(world) - oldest > LEASE_SECONDS * 1_000 - LEASE_NEEDED_MS) return unsent("lease_ending");
  const halves = async () => {
    const middle = Math.ceil(batch.length / 2);
    const first = await sendBatch(sender, batch.slice(0, middle));
    return [...first, ...await sendBatch(sender, batch.slice(middle))];
  };
  const request = build(batch);
  if (batch.length > 1 && tooLong(platform, request)) return await halves();
  const { outcomes, split, ms } = await askPlatform(world, platform, request, batch.length);
  // one event the vendor did not name cost the batch: halve until it stands alone
  if (split) return await halves();
  const inTrouble = outcomes.some(({ lane_wide, kind }) => lane_wide || kind === "auth");
  trouble.note(destinationId, inTrouble, oldest, leaseClock(world));
  const [only] = batch;
  if (batch.length === 1 && only!.repairs !== false && outcomes[0]!.kind === "permanent") {
    const body = platform.repaired?.(only!.body, outcomes[0]!.reason) ?? null;
    // refused for something the event can do without: once more without it
    if (body !== null) return await sendBatch(sender, [{ ...only!, body, repairs: false }]);
  }
  return batch.map(({ send: item, body }, index) => {
    let result = outcomes[index]!;
    if (result.kind === "in_doubt" && item.doubts + 1 > platform.inDoubtRepeats(item.event.name)) {
      result = { ...result, kind: "permanent", reason: "outcome_unknown" };
    }
    return { item, body, result, ms };
  });
}

function settlement(
  world: World,
  item: Send,
  result: Outcome,
  ms: number | null,
  quality: MatchQuality | null = null,
): Settlement {
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
    delay_ms: again ? backoffMs(item.attempts, result.retry_after_ms, world.random) : null,
    lane: result.lane_wide,
    request_ms: ms,
    match_score: quality?.score ?? null,
    match_keys: quality?.identifiers ?? null,
  };
}

/** Handed back as it was: never sent, due again at once for whoever may. */
function release(item: Send, reason: Unsent): Settlement {
  const { captured_at, event_row, destination_id, lease } = item;
  return {
    ...{ captured_at, event_row, destination_id, lease },
    ...{
      kind: "released",
      reason,
      detail: null,
      status: null,
      delay_ms: null,
      lane: false,
      request_ms: null,
      match_score: null,
      match_keys: null,
    },
  };
}

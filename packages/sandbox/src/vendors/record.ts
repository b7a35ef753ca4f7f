/** What the vendors received: the newest requests, copies per event, totals. Bounded in memory. */
import { VENDORS } from "./all.ts";
import { VENDOR_NAMES, type VendorName } from "./names.ts";
import type { SeenEvent } from "./types.ts";

/** One request as shown. `at` in ms since the epoch; `status` null when it was never answered. */
export interface Recorded {
  /** Grows by one with each request, across vendors. */
  seq: number;
  vendor: VendorName;
  at: number;
  method: string;
  /** With query; secrets in it are `***`. */
  path: string;
  /** Parsed JSON, or the text where it is none; secrets are `***`. */
  body: unknown;
  /** True when every event in it was taken. */
  accepted: boolean;
  status: number | null;
  problems: string[];
  /** Kind of the fault the request met. */
  fault: string | null;
  events: SeenEvent[];
}

/** A request as handed in: `path` and `body` as received. */
export type Received = Omit<Recorded, "body"> & { body: string };

/** How often a vendor took one event. More than 1 = a copy it has to deduplicate. */
export interface Copies {
  vendor: VendorName;
  account: string | null;
  name: string;
  event_id: string;
  copies: number;
  /** How often the vendor counts it by its own deduplication of server copies. */
  counted: number;
  /** Milliseconds since the epoch. */
  first_at: number;
  last_at: number;
}

export interface Totals {
  requests: number;
  /** Requests with every event taken. */
  accepted: number;
  refused: number;
  faults: number;
  /** Events taken, copies included; only where they count (no validation endpoints). */
  events: number;
  /** Events taken that were not the first with their id. */
  copies: number;
}

export interface Filter {
  vendor?: VendorName | undefined;
  /** With `since` the first so many after it, else the newest so many. */
  limit?: number | undefined;
  /** Only requests with a greater `seq`. */
  since?: number | undefined;
}

export interface Recorder {
  /** Counts the request and its accepted events; keeps it too when `keep`. */
  add(request: Received, account: string | null, counted: boolean, keep: boolean): void;
  /** Newest last. */
  requests(filter?: Filter): Recorded[];
  /** Oldest first. */
  copies(filter?: Filter): Copies[];
  totals(): Record<VendorName, Totals>;
  clearRequests(): void;
  clearEvents(): void;
}

export interface Bounds {
  requests: number;
  /** Characters of bodies and paths kept; batches of a thousand events would else fill the memory. */
  characters: number;
  /** Distinct events whose copies are counted. */
  events: number;
}

export const BOUNDS: Bounds = { requests: 20_000, characters: 64 * 1024 * 1024, events: 200_000 };

const SECRETS = ["access_token", "api_secret", "appsecret_proof"];
const SECRET_PAIR = new RegExp(`\\b(${SECRETS.join("|")})=[^&\\s"]*`, "gi");
const SECRET_IN_TEXT = new RegExp(`("(?:${SECRETS.join("|")})"\\s*:\\s*)"(?:[^"\\\\]|\\\\.)*"?`, "gi");

/** A path or form with the values of secrets replaced by `***`. */
export function maskPairs(text: string): string {
  return text.replace(SECRET_PAIR, "$1=***");
}

/** Parsed where it is JSON, else the text; a secret is masked wherever it stands. */
function shownBody(text: string): unknown {
  if (text === "") return null;
  try {
    return JSON.parse(text, (key, value: unknown) => {
      if (SECRETS.includes(key)) return "***";
      return typeof value === "string" ? maskPairs(value) : value;
    });
  } catch {
    return maskPairs(text.replace(SECRET_IN_TEXT, '$1"***"'));
  }
}

function noTotals(): Record<VendorName, Totals> {
  const zero = () => ({ requests: 0, accepted: 0, refused: 0, faults: 0, events: 0, copies: 0 });
  return Object.fromEntries(VENDOR_NAMES.map((vendor) => [vendor, zero()])) as Record<VendorName, Totals>;
}

export function createRecorder(bounds: Bounds = BOUNDS): Recorder {
  /** A queue whose first `head` places are already dropped: shifting 20,000 places per request would cost. */
  let kept: (Received | undefined)[] = [];
  let head = 0;
  let characters = 0;
  let totals = noTotals();
  const copies = new Map<string, Copies>();

  function size(request: Received): number {
    return request.body.length + request.path.length + 100 * (1 + request.events.length);
  }

  function keepRequest(request: Received): void {
    kept.push({ ...request, path: maskPairs(request.path) });
    characters += size(request);
    // The newest one stays even when it alone is over the bound.
    while (
      kept.length - head > 1 && (kept.length - head > bounds.requests || characters > bounds.characters)
    ) {
      const dropped = kept[head];
      if (dropped) characters -= size(dropped);
      kept[head++] = undefined;
    }
    if (head > 1024 && head > kept.length / 2) {
      kept = kept.slice(head);
      head = 0;
    }
  }

  function countEvent(event: SeenEvent, vendor: VendorName, account: string | null, at: number): void {
    totals[vendor].events += 1;
    if (event.event_id === null || event.name === null) return;
    const key = `${vendor}\n${account ?? ""}\n${event.name}\n${event.event_id}`;
    const known = copies.get(key);
    if (known !== undefined) {
      known.copies += 1;
      known.last_at = at;
      const window = VENDORS[vendor].dedupWindow(event.name);
      if (window === null || at - known.first_at >= window) known.counted += 1;
      totals[vendor].copies += 1;
      return;
    }
    const { name, event_id } = event;
    copies.set(key, { vendor, account, name, event_id, copies: 1, counted: 1, first_at: at, last_at: at });
    if (copies.size > bounds.events) {
      const oldest = copies.keys().next();
      if (!oldest.done) copies.delete(oldest.value);
    }
  }

  return {
    add(request, account, counted, keep) {
      const total = totals[request.vendor];
      total.requests += 1;
      if (request.accepted) total.accepted += 1;
      else total.refused += 1;
      if (request.fault !== null) total.faults += 1;
      if (counted) {
        for (const event of request.events) {
          if (event.accepted) countEvent(event, request.vendor, account, request.at);
        }
      }
      if (keep) keepRequest(request);
    },
    requests({ vendor, limit = bounds.requests, since } = {}) {
      const found: Received[] = [];
      for (let index = head; index < kept.length; index++) {
        const request = kept[index];
        if (request === undefined || (vendor !== undefined && request.vendor !== vendor)) continue;
        if (since === undefined || request.seq > since) found.push(request);
      }
      const cut = since === undefined
        ? found.slice(Math.max(0, found.length - limit))
        : found.slice(0, limit);
      return cut.map((request) => ({
        ...request,
        body: shownBody(request.body),
        problems: [...request.problems],
        events: request.events.map((event) => ({ ...event })),
      }));
    },
    copies({ vendor, limit = bounds.events } = {}) {
      const found = [...copies.values()].filter((one) => vendor === undefined || one.vendor === vendor);
      return found.slice(Math.max(0, found.length - limit)).map((one) => ({ ...one }));
    },
    totals: () => structuredClone(totals),
    clearRequests() {
      kept = [];
      head = 0;
      characters = 0;
    },
    clearEvents() {
      copies.clear();
      totals = noTotals();
    },
  };
}

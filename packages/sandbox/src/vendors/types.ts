import type { IncomingHttpHeaders } from "node:http";
import type { VendorName } from "./names.ts";

/** A request as received. `path` has no query; `body` is the text as sent. */
export interface VendorRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
  body: string;
}

/** What an answer may depend on besides the request. */
export interface VendorState {
  /** Milliseconds since the epoch: decides whether an event is too old or in the future. */
  now: number;
  /** Identifies this request in the vendor's answer (fbtrace_id, request_id). */
  trace: string;
}

export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** An event named in a request. `event_id` is what the vendor deduplicates by, null when it was given none. */
export interface SeenEvent {
  name: string | null;
  event_id: string | null;
  accepted: boolean;
}

/** An answer and what the vendor made of the request. */
export interface Handled extends Answer {
  /** True when every event of the request was taken. */
  accepted: boolean;
  /** False for test and validation endpoints: nothing accepted there counts as a copy of an event. */
  counted: boolean;
  /**
   * What is wrong with the request, without any value of it. On an accepted request: what this vendor takes in
   * silence although it helps nobody (an unknown user key at TikTok), so that a test can insist on none.
   */
  problems: string[];
  events: SeenEvent[];
}

/** One vendor's API. Every function is total: any request gives an answer. */
export interface Vendor {
  name: VendorName;
  /** For people. */
  label: string;
  /** Where to send, for people. */
  endpoint: string;
  /** Whether a path belongs to this vendor, even a wrong one under its prefix. */
  owns(path: string): boolean;
  /** The body as the vendor reads it; undefined when it cannot be read. */
  parse(request: VendorRequest): unknown;
  /** The pixel, dataset, ad account or measurement id; null when there is none. */
  account(request: VendorRequest, body: unknown): string | null;
  token(request: VendorRequest, body: unknown): string | null;
  /** The events a readable body names, all marked `accepted: false`. */
  list(body: unknown): SeenEvent[];
  /** Validates as the vendor's documentation says and answers in its form. `body` is what `parse` gave. */
  handle(request: VendorRequest, body: unknown, state: VendorState): Handled;
  /** The answer to `count` good events. */
  success(count: number, request: VendorRequest, state: VendorState): Answer;
  /**
   * How long, in ms from the first receipt, a second _server_ copy of an event of this name is documented not to count;
   * null = no such promise, so it counts again. Copies of a browser's tag are another matter.
   */
  dedupWindow(name: string): number | null;
  /** The answer to a refused token. */
  refuseToken(state: VendorState): Answer;
  /** The vendor's own throttling answer; `retryAfter` (seconds) asks for a plain 429 with `Retry-After`. */
  throttle(state: VendorState, account: string | null, retryAfter: number | null): Answer;
  /** A plausible answer with this status (400–599). */
  failure(status: number, state: VendorState): Answer;
}

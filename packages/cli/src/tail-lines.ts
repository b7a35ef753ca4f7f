import type { TailDelivery, TailEvent } from "@trakit/db/calls/tail-deliveries.ts";
import { duration } from "./duration.ts";
import { type Paint, printable } from "./terminal.ts";

/** Time of day of an ISO time, here. */
function clock(iso: string): string {
  const time = new Date(iso);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${
    String(time.getMilliseconds()).padStart(3, "0")
  }`;
}

/** The event's line: time, name, order, total, and which copies came. */
export function eventLine(event: TailEvent, paint: Paint): string {
  const copies = [event.browser ? "browser" : null, event.webhook ? "Shopify" : null].filter(Boolean).join(
    " + ",
  );
  return [
    paint("dim", clock(event.captured_at)),
    paint("bold", event.name),
    event.order_name ? printable(event.order_name) : null,
    event.total ? `${event.total} ${event.currency ?? ""}`.trim() : null,
    event.channel === "web" ? null : event.channel,
    event.test ? paint("yellow", "test") : null,
    paint("dim", `from ${copies}`),
  ].filter(Boolean).join("  ");
}

/** One delivery's line under its event. */
export function deliveryLine(delivery: TailDelivery, paint: Paint): string {
  const { platform, state, reason, detail, http_status, attempts, next_attempt_at } = delivery;
  const name = platform.padEnd(9);
  const words = detail ? paint("dim", `  ${printable(detail).slice(0, 120)}`) : "";
  const tries = attempts > 1 ? ` after ${attempts} attempts` : "";
  if (state === "delivered") {
    const took = delivery.latency_ms === null ? "" : duration(delivery.latency_ms);
    const vendor = delivery.request_ms === null ? "" : paint("dim", ` (vendor ${delivery.request_ms} ms)`);
    return `  ${paint("green", "✓")} ${name} ${took}${vendor}${tries}`;
  }
  if (state === "failed") {
    return `  ${paint("red", "✗")} ${name} ${reason}${
      http_status ? ` (${http_status})` : ""
    }${tries}${words}`;
  }
  if (state === "skipped") {
    return `  ${paint("dim", "–")} ${name} ${paint("dim", `skipped: ${reason}`)}${words}`;
  }
  const due = next_attempt_at ? ` until ${clock(next_attempt_at)}` : "";
  // under way: the time until then is its lease
  if (attempts > 0 && reason === null) return `  ${paint("yellow", "…")} ${name} is being sent`;
  const why = attempts === 0 ? "waits" : `${reason}${http_status ? ` (${http_status})` : ""}, waits`;
  return `  ${paint("yellow", "…")} ${name} ${why}${due}${words}`;
}

/** What must change for a delivery to be worth a new line. */
function news({ state, reason, attempts }: TailDelivery): string {
  return `${state} ${reason ?? ""} ${state === "pending" ? attempts : ""}`;
}

/** A pending delivery is news only when it does not go at once: it would be settled before it is read. */
const PATIENCE_MS = 1_500;

/** Turns what each look at the database found into lines, each thing once. */
export class TailLines {
  #printed = new Map<number, Map<string, string>>();
  #last: number | null = null;
  #paint: Paint;

  constructor(paint: Paint) {
    this.#paint = paint;
  }

  /** Lines for what is new since the look before. `now` in ms; `all`: pending ones too, however young. */
  lines(events: readonly TailEvent[], now: number, all: boolean): string[] {
    const lines: string[] = [];
    for (const event of events) {
      const before = this.#printed.get(event.event_row);
      const seen = before ?? new Map<string, string>();
      const young = now - Date.parse(event.captured_at) < PATIENCE_MS;
      const changed = event.deliveries.filter((delivery) =>
        seen.get(delivery.platform) !== news(delivery) && (all || !young || delivery.state !== "pending")
      );
      // the first line waits for something to say, lest the event stand alone above another's deliveries
      if (before ? changed.length === 0 : changed.length === 0 && young && !all) continue;
      if (this.#last !== event.event_row) lines.push(eventLine(event, this.#paint));
      this.#last = event.event_row;
      for (const delivery of changed) {
        seen.set(delivery.platform, news(delivery));
        lines.push(deliveryLine(delivery, this.#paint));
      }
      if (event.deliveries.length === 0 && !before) {
        lines.push(this.#paint("dim", "  – no destination is enabled"));
      }
      this.#printed.set(event.event_row, seen);
    }
    // event ids grow: the oldest are those first seen
    for (const row of this.#printed.keys()) {
      if (this.#printed.size <= 20_000) break;
      this.#printed.delete(row);
    }
    return lines;
  }
}

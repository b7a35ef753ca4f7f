import {
  type BrowserIngested,
  type BrowserIntake,
  ingestBrowserEvents,
} from "@trakit/db/calls/ingest-browser-events.ts";
import type { Database } from "@trakit/db/connection.ts";
import { dataRefused } from "@trakit/db/errors.ts";

/**
 * Stores what one browser sent, in one round trip. Where Postgres refuses it, some event of the call is at fault: each goes by
 * itself then, and only those Postgres refuses again have the result `refused` with the reason `event_refused`.
 */
export async function storeBrowserEvents(db: Database, call: BrowserIntake): Promise<BrowserIngested> {
  try {
    return await ingestBrowserEvents(db, call);
  } catch (error) {
    if (!dataRefused(error) || call.events.length === 0) throw error;
    return await oneByOne(db, call);
  }
}

async function oneByOne(db: Database, call: BrowserIntake): Promise<BrowserIngested> {
  const stored: Pick<BrowserIngested, "results" | "sends" | "destinations" | "visitor"> = {
    results: [],
    sends: [],
    destinations: {},
    visitor: {},
  };
  const add = (one: BrowserIngested): BrowserIngested => ({
    ...one,
    results: stored.results,
    sends: stored.sends,
    destinations: Object.assign(stored.destinations!, one.destinations),
    visitor: Object.assign(stored.visitor!, one.visitor),
  });
  let refused = 0;
  for (const [index, event] of call.events.entries()) {
    try {
      const one = await ingestBrowserEvents(db, {
        ...call,
        events: [event],
        slots: call.slots - stored.sends.length,
        refused: {},
        fired: [],
        sender: { ...call.sender, events: 1 },
      });
      const [result] = one.results;
      // nothing is taken of this sender, or for this shop, any more
      if (!result) return add(one);
      stored.results.push(result);
      stored.sends.push(...one.sends.map((send) => ({ ...send, index })));
      add(one);
    } catch (error) {
      if (!dataRefused(error)) throw error;
      refused++;
      stored.results.push({ event_id: event.event.event_id, status: "refused", reason: "event_refused" });
    }
  }
  // what came beside the events
  return add(
    await ingestBrowserEvents(db, {
      ...call,
      events: [],
      slots: 0,
      refused: { ...call.refused, ...(refused > 0 ? { event_refused: refused } : {}) },
      // the others were counted with their own call
      sender: { ...call.sender, events: call.sender.events - (call.events.length - refused) },
    }),
  );
}

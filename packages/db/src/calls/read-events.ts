import type { StoredEvent } from "@trakit/core/stored.ts";
import { call } from "../call.ts";
import type { Database } from "../connection.ts";

/** Names an event of a shop. */
export interface EventKey {
  /** Opaque, as a claim gave it. */
  captured_at: string;
  event_row: number;
}

export interface ReadEvent {
  event_row: number;
  /** Changes whenever the event does. */
  version: string;
  event: StoredEvent;
}

/** SQL `trakit.read_events`: events of one shop, up to 5,000. One that is not there (any more) is left out. */
export async function readEvents(
  db: Database,
  shopId: string,
  keys: readonly EventKey[],
): Promise<ReadEvent[]> {
  return await call(db, "trakit.read_events", {
    p_shop_id: shopId,
    p_moments: keys.map((key) => key.captured_at),
    p_event_rows: keys.map((key) => key.event_row),
  }) as ReadEvent[];
}

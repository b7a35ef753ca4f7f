import type { CanonicalEvent } from "@trakit/core/event.ts";
import { fromStored } from "@trakit/core/stored.ts";
import type { EventKey, ReadEvent } from "@trakit/db/calls/read-events.ts";

/** Events kept at most: what a few lanes of a few shops have in hand. */
const MOST = 6_000;

interface Place {
  shopId: string;
  version: string;
  event: CanonicalEvent | undefined;
  /** Until it has been read. */
  reading: Promise<void> | null;
}

/**
 * Events of leased deliveries, read from the database once for all lanes that are drained at the same time: an event has a
 * delivery for every destination of its shop, and printing and parsing it is most of what a claim costs. An event that has
 * changed meanwhile has another version and is read again. Empty whenever nothing is drained: these are people's data.
 */
export class EventShelf {
  readonly #read: (shopId: string, keys: EventKey[]) => Promise<ReadEvent[]>;
  readonly #places = new Map<number, Place>();
  #users = 0;

  constructor(read: (shopId: string, keys: EventKey[]) => Promise<ReadEvent[]>) {
    this.#read = read;
  }

  /** Begins to use it; call what it returns when done. */
  enter(): () => void {
    this.#users++;
    return () => {
      if (--this.#users === 0) this.#places.clear();
    };
  }

  /**
   * The events of leased deliveries, in their order; undefined for one that is not there any more. Throws what reading
   * throws (DatabaseUnavailable).
   */
  async read(
    shopId: string,
    leased: readonly (EventKey & { version: string })[],
  ): Promise<(CanonicalEvent | undefined)[]> {
    const known = leased.map(({ event_row, version }) => {
      const place = this.#places.get(event_row);
      return place?.shopId === shopId && place.version === version ? place : null;
    });
    const missing = leased.filter((_, index) => known[index] === null);
    const fetched = missing.length > 0 ? this.#fetch(shopId, missing) : null;
    const places = leased.map(({ event_row }, index) => known[index] ?? fetched!.get(event_row)!);
    await Promise.all(new Set(places.map(({ reading }) => reading)));
    return places.map(({ event }) => event);
  }

  #fetch(shopId: string, missing: readonly (EventKey & { version: string })[]): Map<number, Place> {
    const fetched = new Map<number, Place>();
    const reading = this.#read(
      shopId,
      missing.map(({ captured_at, event_row }) => ({ captured_at, event_row })),
    )
      .then((found) => {
        for (const { event_row, version, event } of found) {
          const place = fetched.get(event_row)!;
          // it may be newer than the lease
          place.version = version;
          place.event = fromStored(event);
        }
        for (const place of fetched.values()) place.reading = null;
      }, (error) => {
        for (const [row, place] of fetched) if (this.#places.get(row) === place) this.#places.delete(row);
        throw error;
      });
    for (const { event_row, version } of missing) {
      const place: Place = { shopId, version, event: undefined, reading };
      fetched.set(event_row, place);
      // at the end of the line again: the oldest go first
      this.#places.delete(event_row);
      this.#places.set(event_row, place);
    }
    for (const row of this.#places.keys()) {
      if (this.#places.size <= MOST) break;
      this.#places.delete(row);
    }
    return fetched;
  }
}

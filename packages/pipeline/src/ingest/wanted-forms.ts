import { ALL_FORMS, type Wanted, wantedBy } from "@trakit/core/identity/wanted.ts";
import type { Ingested } from "@trakit/db/calls/ingest-events.ts";
import { destination } from "@trakit/destinations/registry.ts";

/** What was learnt of a shop's destinations counts so long (ms): a new one gets all its digests soon, in most cases at once. */
const COUNTS_FOR_MS = 60_000;
/** Shops a process keeps in mind. */
const MOST_SHOPS = 1000;

interface Learnt {
  /** The platforms, joined: whether anything changed. */
  platforms: string;
  forms: Wanted;
  /** On the clock of `leaseClock`. */
  at: number;
}

/**
 * Which digests a shop's destinations need. Storing an event tells which destinations the shop has, so nobody is asked; of a
 * shop not heard of for a minute all are made. A digest too many does no harm; one too few would only be missing to a
 * destination that is younger than what is known here.
 */
export class WantedForms {
  readonly #shops = new Map<string, Learnt>();

  /** `now` on the clock of `leaseClock`. */
  of(shop: string, now: number): Wanted {
    const learnt = this.#shops.get(shop);
    return learnt !== undefined && now - learnt.at <= COUNTS_FOR_MS ? learnt.forms : ALL_FORMS;
  }

  learn(shop: string, { destinations }: Pick<Ingested, "destinations">, now: number): void {
    if (destinations === undefined) return;
    const names = new Set<string>();
    for (const id in destinations) names.add(destinations[id]!.platform);
    // Nothing was to be sent: then the answer does not name them.
    if (names.size === 0) return;
    const platforms = [...names].sort().join(" ");
    const before = this.#shops.get(shop);
    if (before?.platforms === platforms) before.at = now;
    else {
      if (this.#shops.size >= MOST_SHOPS) this.#shops.clear();
      const rules = [...names].map((name) => destination(name)?.fields ?? null);
      this.#shops.set(shop, { platforms, forms: wantedBy(rules), at: now });
    }
  }
}

import { listSeals, type Seal } from "@trakit/db/calls/list-seals.ts";
import { replaceSeal } from "@trakit/db/calls/replace-seal.ts";
import type { Database } from "@trakit/db/connection.ts";
import { open, quarantineSubject, renewalSubject, seal, tokenSubject } from "@trakit/runtime/seal.ts";
import type { KeyRing } from "@trakit/runtime/settings.ts";
import { shopifySubject } from "../shopify/shop-token.ts";

export interface Resealed {
  /** Sealed with the newest key now. */
  resealed: number;
  /** Sealed with a key that is not in the ring, or broken: the key they need must not be thrown away. */
  unreadable: number;
}

/**
 * Seals everything of a shop with the newest key of the ring, while all is in use: what is replaced meanwhile is left as it
 * is. Can be repeated and stopped at any moment.
 */
export async function resealShop(
  db: Database,
  keys: KeyRing,
  shop: { id: string; domain: string },
): Promise<Resealed> {
  const counts: Resealed = { resealed: 0, unreadable: 0 };
  const hopeless = new Set<string>();
  for (;;) {
    const seals = (await listSeals(db, shop.domain, keys[0]!.id) ?? []).filter((one) =>
      !hopeless.has(one.sealed)
    );
    if (seals.length === 0) return counts;
    for (const one of seals) {
      const about = subjectOf(shop, one);
      const opened = open(keys, one.sealed, about);
      if (!opened.ok) {
        hopeless.add(one.sealed);
        counts.unreadable++;
      } else if (await replaceSeal(db, shop.domain, one, seal(keys, opened.bytes, about))) {
        counts.resealed++;
      }
    }
  }
}

function subjectOf(shop: { id: string; domain: string }, one: Seal): string[] {
  switch (one.place) {
    case "destination":
      return tokenSubject(shop.id, one.of);
    case "grant":
      return renewalSubject(shop.id, one.of);
    case "quarantine":
      return quarantineSubject(shop.domain, one.of);
    case "access":
    case "refresh":
      return shopifySubject(shop.domain, one.place);
  }
}

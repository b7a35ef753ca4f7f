import { listSeals, type Seal } from "@trakit/db/calls/list-seals.ts";
import { replaceSeal } from "@trakit/db/calls/replace-seal.ts";
import type { Database } from "@trakit/db/connection.ts";
import {
  open,
  quarantineSubject,
  renewalSubject,
  seal,
  settingSubject,
  tokenSubject,
} from "@trakit/runtime/seal.ts";
import type { KeyRing } from "@trakit/runtime/settings.ts";
import { shopifySubject } from "../shopify/shop-token.ts";

export interface Resealed {
  /** Sealed with the newest key now. */
  resealed: number;
  /** Sealed with a key that is not in the ring, or broken: the key they need must not be thrown away. */
  unreadable: number;
}

/** Seals listed at a time: a quarantined body may have a megabyte. */
const PAGE = 100;

/**
 * Seals everything of a shop with the newest key of the ring, while all is in use: what is replaced meanwhile is left as it
 * is. What cannot be opened stands in nothing's way. Can be repeated and stopped at any moment.
 */
export async function resealShop(
  db: Database,
  keys: KeyRing,
  shop: { id: string; domain: string },
  page = PAGE,
): Promise<Resealed> {
  let resealed = 0;
  for (;;) {
    const pass = await resealOnce(db, keys, shop, page);
    resealed += pass.resealed;
    // somebody who has an older ring may have sealed behind us
    if (pass.resealed + pass.replaced === 0) return { resealed, unreadable: pass.unreadable };
  }
}

/** Goes through everything a shop has sealed, once. `replaced` = another seal stood there by the time ours was ready. */
async function resealOnce(
  db: Database,
  keys: KeyRing,
  shop: { id: string; domain: string },
  page: number,
): Promise<Resealed & { replaced: number }> {
  const counts = { resealed: 0, unreadable: 0, replaced: 0 };
  let after: Seal | null = null;
  for (;;) {
    const seals: Seal[] = await listSeals(db, shop.domain, keys[0]!.id, after, page) ?? [];
    for (const one of seals) {
      const about = subjectOf(shop, one);
      const opened = open(keys, one.sealed, about);
      if (!opened.ok) counts.unreadable++;
      else if (await replaceSeal(db, shop.domain, one, seal(keys, opened.bytes, about))) counts.resealed++;
      else counts.replaced++;
    }
    after = seals.at(-1) ?? null;
    if (seals.length < page) return counts;
  }
}

function subjectOf(shop: { id: string; domain: string }, one: Seal): string[] {
  switch (one.place) {
    case "destination":
      return tokenSubject(shop.id, one.of);
    case "setting": {
      const [platform = "", name = ""] = one.of.split(" ");
      return settingSubject(shop.id, platform, name);
    }
    case "grant":
      return renewalSubject(shop.id, one.of);
    case "quarantine":
      return quarantineSubject(shop.domain, one.of);
    case "access":
    case "refresh":
      return shopifySubject(shop.domain, one.place);
  }
}

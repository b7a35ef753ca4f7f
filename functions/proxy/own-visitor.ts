import { IDENTIFIERS, PROOF_COOKIE, VISITOR_COOKIE } from "@trakit/core/identifiers.ts";
import { isVisitorProof, type Keys } from "@trakit/core/storefront-keys.ts";
import type { BrowserVisitor } from "@trakit/shopify/browser-schema.ts";
import { cookieValues } from "./cookies.ts";

/** A page that shows absurdly many ids costs us no more than looking at this many. */
const MAX_IDS = 5;

export interface OwnVisitor {
  /** Null: none is shown, or none of those that are can be believed. */
  id: string | null;
  /** The id was given to who shows it. */
  proven: boolean;
  /** The first id that is shown, whether it is believed or not. */
  shown: string | null;
}

/**
 * Who a browser says it is. Any host of the shop's domain may write `_tk_v`, so an id is believed to be the browser's own where
 * the proof it was given with is shown beside it: in the body (the page's storage) or in a cookie that only the answering host
 * can have written. With a proof that is another id's, or with several ids and no proof, it is nobody
 * (docs/adr/0029-proof-of-a-visitor.md).
 *
 * @param cookie the Cookie header, "" = none
 */
export function ownVisitor(keys: Keys, shop: string, visitor: BrowserVisitor, cookie: string): OwnVisitor {
  const shown = new Set(
    [visitor.visitor_id, ...cookieValues(cookie, VISITOR_COOKIE)].flatMap((text) =>
      IDENTIFIERS.visitor_id.read(text) ?? []
    ),
  );
  const ids = [...shown].slice(0, MAX_IDS);
  const proofs = [visitor.proof, ...cookieValues(cookie, PROOF_COOKIE)]
    .filter((proof): proof is string => typeof proof === "string" && proof !== "").slice(0, MAX_IDS);
  const proven = ids.find((id) => proofs.some((proof) => isVisitorProof(keys, shop, id, proof)));
  if (proven !== undefined) return { id: proven, proven: true, shown: ids[0]! };
  const id = proofs.length === 0 && ids.length === 1 ? ids[0]! : null;
  return { id, proven: false, shown: ids[0] ?? null };
}

import { z } from "zod";
import type { CanonicalEvent } from "@trakit/core/event.ts";
import {
  EMPTY_CLIENT,
  EMPTY_IDENTIFIERS,
  EMPTY_PAGE,
  emptyCommerce,
  UNKNOWN_CONSENT,
} from "@trakit/core/event.ts";
import { compareDecimal, subtractDecimal } from "@trakit/core/money.ts";
import {
  code,
  currency,
  decimal,
  id,
  issuesOf,
  listOf,
  normalAmount,
  quantity,
  text,
  token,
  words,
} from "./fields.ts";
import { MAX, timeOf } from "./text.ts";

const short = words(MAX.short);
const time = z.unknown().optional().transform(timeOf);

const money = z.object({ amount: decimal, currency_code: currency }).nullish();
const moneySet = z.object({ shop_money: money, presentment_money: money }).nullish();

const line = z.object({
  /** Variant and properties: the same variant with another engraving is another line. */
  key: text(200),
  variant_id: id,
  product_id: id,
  quantity,
  sku: code(MAX.short),
  title: short,
  vendor: short,
  price: decimal,
  price_set: moneySet,
  discounted_price: decimal,
  discounted_price_set: moneySet,
});
type Line = z.output<typeof line>;

/** What we read of `carts/create` and `carts/update` (reference: shopify §2.3). Unknown keys are ignored. */
export const cartSchema = z.object({
  token,
  id: token,
  created_at: time,
  updated_at: time,
  line_items: listOf(line, 500),
}).transform((cart, context) => {
  const cartToken = cart.token ?? cart.id;
  if (cartToken === null) context.addIssue({ code: "custom", path: ["token"], message: "missing" });
  if (cart.updated_at === null) {
    context.addIssue({ code: "custom", path: ["updated_at"], message: "missing" });
  }
  return { ...cart, token: cartToken ?? "", updated_at: cart.updated_at ?? 0 };
});

/** A line of a cart, and the event that adding to it is. */
export interface CartLine {
  key: string;
  variant_id: string | null;
  /** Units the cart holds now. */
  quantity: number;
  /** Taken off one unit, decimal. */
  unit_discount: string;
  /** Its id, quantity and line discount are still to be set: they depend on what the cart held before. */
  event: CanonicalEvent;
}

export interface Cart {
  token: string;
  /** ISO 8601. */
  created_at: string;
  /** ISO 8601: when it came to hold this, by its own word. */
  updated_at: string;
  lines: CartLine[];
}

export type DecodedCart = { ok: true; cart: Cart } | { ok: false; issues: string[] };

/** Price and discount of one unit in the currency the visitor saw; the payload names none outside the two-currency form. */
function unitOf(one: Line): { currency: string | null; price: string | null; discount: string } {
  const seen = (set: z.output<typeof moneySet>) => set?.presentment_money ?? set?.shop_money ?? null;
  const [price, paid] = [seen(one.price_set), seen(one.discounted_price_set)];
  const code = price?.currency_code ?? null;
  const full = price?.amount ?? one.price;
  const rest = price ? paid?.amount ?? null : one.discounted_price;
  const off = full !== null && rest !== null && compareDecimal(rest, full) < 0
    ? subtractDecimal(full, rest)
    : "0";
  return {
    currency: code,
    price: full === null ? null : normalAmount(full, code),
    discount: off === "0" ? "0" : normalAmount(off, code),
  };
}

/**
 * A cart as Shopify tells of it: what it holds, not what was added. Nobody is named in it, and no consent.
 *
 * @param context.shop verified myshopify domain, lower case
 */
export function decodeCart(payload: unknown, context: { shop: string }): DecodedCart {
  const parsed = cartSchema.safeParse(payload);
  if (!parsed.success) return { ok: false, issues: issuesOf(parsed.error) };
  const cart = parsed.data;
  const updatedAt = new Date(cart.updated_at).toISOString();
  const lines = new Map<string, CartLine>();
  for (const [index, one] of cart.line_items.entries()) {
    const key = one.key ?? one.variant_id;
    if (key === null || one.quantity === 0) continue;
    const unit = unitOf(one);
    if (unit.price === null) return { ok: false, issues: [`line_items.${index}.price: missing`] };
    const known = lines.get(key);
    if (known) {
      // one key twice is one line to us: what it holds together is compared with what it held
      known.quantity += one.quantity;
      continue;
    }
    lines.set(key, {
      key,
      variant_id: one.variant_id,
      quantity: one.quantity,
      unit_discount: unit.discount,
      event: {
        name: "product_added_to_cart",
        event_id: "",
        occurred_at: updatedAt,
        source: "webhook",
        channel: "web",
        test: false,
        // it happened on some page of the shop: without one, some platforms take it for offline
        page: { ...EMPTY_PAGE, url: `https://${context.shop}/` },
        commerce: {
          ...emptyCommerce(),
          currency: unit.currency,
          cart_token: cart.token,
          items: [{
            product_id: one.product_id,
            variant_id: one.variant_id,
            sku: one.sku,
            title: one.title,
            variant_title: null,
            brand: one.vendor,
            category: null,
            quantity: one.quantity,
            unit_price: unit.price,
            line_discount: "0",
          }],
        },
        digests: {},
        client: EMPTY_CLIENT,
        identifiers: EMPTY_IDENTIFIERS,
        consent: UNKNOWN_CONSENT,
      },
    });
  }
  return {
    ok: true,
    cart: {
      token: cart.token,
      created_at: new Date(cart.created_at ?? cart.updated_at).toISOString(),
      updated_at: updatedAt,
      lines: [...lines.values()],
    },
  };
}

/**
 * The cart as it changes, however the theme changes it: whenever a request to Shopify's Ajax cart API or a plain form may have changed it,
 * the cart is read and compared with the last one known. Differences are adds and removals, in the shape of Shopify's customer events
 * (reference: shopify §4.3).
 */
import { parsed } from "../shared/types.ts";
import { local, moment } from "./device.ts";

/** `/cart.js`, as far as it is read; prices in hundredths, whatever the currency. The theme's data block has the same. */
export interface AjaxCart {
  token?: string;
  currency: string;
  items: Item[];
}
interface Item {
  variant_id: string;
  product_id: string;
  quantity: number;
  final_line_price: number;
  price: number;
  sku: string;
  variant_title: string;
  product_title: string;
  vendor: string;
  product_type: string;
}

export interface CartWatch {
  /** The cart as the page was made with it. */
  cart: AjaxCart;
  changed(name: string, line: unknown): void;
  mayStore(): boolean;
  /** Answers with the cart: reads it, or writes what has to be in it before a checkout copies it. */
  read(): Promise<AjaxCart>;
}

const CHANGE = /\/cart\/(add|change|update|clear)\b/;
const KNOWN = "_tk_l";

const money = (cents: number, currencyCode: string) => ({ amount: Math.round(cents) / 100, currencyCode });

/** So many of an item, as a cart line of Shopify's customer events. */
const cartLine = (item: Item, quantity: number, currency: string) => ({
  quantity,
  cost: { totalAmount: money(item.final_line_price / item.quantity * quantity, currency) },
  merchandise: {
    id: item.variant_id,
    sku: item.sku,
    title: item.variant_title,
    price: money(item.price, currency),
    product: { id: item.product_id, title: item.product_title, vendor: item.vendor, type: item.product_type },
  },
});

const count = (items: Item[], id: string): number =>
  items.reduce((sum, item) => item.variant_id === id ? sum + item.quantity : sum, 0);

/**
 * Returns what compares the page's cart with the last one known, for changes made between pages: by a form, a link, a permalink.
 * A cart that was read since is newer.
 */
export function watchCart({ cart, changed, mayStore, read }: CartWatch): () => void {
  let known = cart.items;
  let turn: Promise<void> = Promise.resolve();

  function compare({ items, currency }: AjaxCart): void {
    // what any tab knew last: one tab's add is no news to another
    const text = local(KNOWN);
    // what others wrote there ends this comparison, not the next one
    local(KNOWN, null);
    const before: Item[] = parsed(text) ?? known;
    known = items;
    if (mayStore()) local(KNOWN, JSON.stringify(items));
    const report = (name: string, more: Item[], less: Item[]) => {
      for (const [id, item] of new Map(more.map((item) => [item.variant_id, item]))) {
        const difference = count(more, id) - count(less, id);
        if (difference > 0) changed(name, cartLine(item, difference, currency));
      }
    };
    report("product_added_to_cart", items, before);
    // a cart that is empty on the next page was bought, most likely
    if (items[0] || turn !== start) report("product_removed_from_cart", before, items);
  }
  const start = turn;

  /** Two changes at once are looked at one after the other. */
  const look = () => turn = turn.then(read).then(compare).catch(() => {});

  const { fetch } = self;
  self.fetch = async (input, init) => {
    const response = await fetch(input, init);
    // the theme waits for identifiers to be in a cart it may check out at once, but never long
    if (CHANGE.test(`${(input as Request)?.url ?? input}`)) {
      await Promise.race([look(), moment(500)]);
    }
    return response;
  };
  const { open } = XMLHttpRequest.prototype;
  XMLHttpRequest.prototype.open = function (this: XMLHttpRequest, ...given: unknown[]) {
    if (CHANGE.test(`${given[1]}`)) this.addEventListener("load", look);
    return open.apply(this, given as never);
  };
  return () => {
    try {
      if (turn === start) compare(cart);
    } catch {
      // as above
    }
  };
}

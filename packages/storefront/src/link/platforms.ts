/**
 * What each tag calls an event. The first name is the one we fire; it is the name the server sends (`packages/destinations`), because
 * platforms deduplicate by name and id. Tags know some events by more than one name.
 */
import type { StoreEvent } from "../shared/types.ts";

export type Platform = "meta" | "tiktok" | "pinterest" | "snapchat" | "google";

export const NAMES: Record<string, Partial<Record<Platform, string[]>>> = {
  page_viewed: {
    meta: ["PageView"],
    pinterest: ["pagevisit", "page_visit"],
    snapchat: ["PAGE_VIEW"],
    google: ["page_view"],
  },
  product_viewed: {
    meta: ["ViewContent"],
    tiktok: ["ViewContent"],
    pinterest: ["viewcontent", "view_content"],
    snapchat: ["VIEW_CONTENT"],
    google: ["view_item"],
  },
  collection_viewed: {
    pinterest: ["viewcategory", "view_category"],
    snapchat: ["LIST_VIEW"],
    google: ["view_item_list"],
  },
  search_submitted: {
    meta: ["Search"],
    tiktok: ["Search"],
    pinterest: ["search"],
    snapchat: ["SEARCH"],
    google: ["search"],
  },
  product_added_to_cart: {
    meta: ["AddToCart"],
    tiktok: ["AddToCart"],
    pinterest: ["addtocart", "add_to_cart"],
    snapchat: ["ADD_CART"],
    google: ["add_to_cart"],
  },
  product_removed_from_cart: { google: ["remove_from_cart"] },
  cart_viewed: { google: ["view_cart"] },
};

interface Variant {
  id: string;
  title?: string;
  price: { amount: number; currencyCode: string };
  product?: { id: string; title: string };
}

/** What a tag is told besides the name: ids, value and currency of what the event is about. */
export function parametersOf(platform: Platform, { data }: StoreEvent): Record<string, unknown> {
  const line = data.cartLine as {
    quantity: number;
    cost: { totalAmount: Variant["price"] };
    merchandise: Variant;
  } | undefined;
  const variant = line?.merchandise ?? data.productVariant as Variant | undefined;
  const search = (data.searchResult as { query: string } | undefined)?.query;
  const parameters: Record<string, unknown> = {};
  if (search) {
    parameters[
      { meta: "search_string", google: "search_term", pinterest: "search_query" }[platform as "meta"] ??
        "search_string"
    ] = search;
  }
  if (!variant) return parameters;
  const { amount, currencyCode } = line?.cost.totalAmount ?? variant.price;
  const id = variant.id;
  const quantity = line?.quantity ?? 1;
  Object.assign(parameters, { value: amount, currency: currencyCode });
  const things: Record<Platform, Record<string, unknown>> = {
    meta: { content_ids: [id], content_type: "product", contents: [{ id, quantity }] },
    tiktok: {
      contents: [{ content_id: id, content_type: "product", quantity, price: variant.price.amount }],
    },
    pinterest: {
      line_items: [{ product_id: id, product_quantity: quantity, product_price: variant.price.amount }],
    },
    snapchat: { item_ids: [id], price: amount, number_items: quantity },
    google: {
      items: [{ item_id: id, item_name: variant.product?.title, quantity, price: variant.price.amount }],
    },
  };
  return Object.assign(parameters, things[platform]);
}

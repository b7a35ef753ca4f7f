/** The Liquid objects a theme app embed may read, as far as ours reads them. Prices are in hundredths of the visitor's currency. */
import { itemCount } from "./cart.ts";
import { COLLECTION, findVariant } from "./catalog.ts";
import type { Product, Variant } from "./catalog.ts";
import type { Currency } from "./money.ts";
import type { Cart } from "./state.ts";

type Shape = Record<string, unknown>;

function liquidVariant(variant: Variant, currency: Currency): Shape {
  return { id: variant.id, sku: variant.sku, title: variant.title, price: variant.price[currency] };
}

export function liquidProduct(product: Product, currency: Currency, chosen = product.variants[0]!): Shape {
  return {
    object_type: "product",
    id: product.id,
    title: product.title,
    type: product.type,
    vendor: product.vendor,
    selected_or_first_available_variant: liquidVariant(chosen, currency),
  };
}

export function liquidCollection(products: readonly Product[], currency: Currency): Shape {
  return {
    id: COLLECTION.id,
    title: COLLECTION.title,
    products: products.map((product) => liquidProduct(product, currency)),
  };
}

export function liquidSearch(terms: string, products: readonly Product[], currency: Currency): Shape {
  return {
    performed: terms !== "",
    terms,
    results: products.map((product) => liquidProduct(product, currency)),
  };
}

/** A cart that does not exist is an empty one. */
export function liquidCart(cart: Cart | null, currency: Currency): Shape {
  const items = (cart?.lines ?? []).flatMap((line) => {
    const found = findVariant(line.variantId);
    if (found === null) return [];
    const price = found.variant.price[currency];
    return [{
      variant_id: found.variant.id,
      product_id: found.product.id,
      quantity: line.quantity,
      price,
      final_line_price: price * line.quantity,
      sku: found.variant.sku,
      vendor: found.product.vendor,
      variant: liquidVariant(found.variant, currency),
      product: liquidProduct(found.product, currency),
    }];
  });
  return {
    currency: { iso_code: currency },
    item_count: cart === null ? 0 : itemCount(cart),
    total_price: items.reduce((sum, item) => sum + item.final_line_price, 0),
    items,
  };
}

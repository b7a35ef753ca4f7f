/** What the demo shop sells. Ids are strings: one product's ids exceed 2^53 so that a rounding parser shows itself. */
import type { Currency } from "./money.ts";

export type ArtKind = "beanie" | "bottle" | "pack" | "mug" | "throw" | "card";

export interface Variant {
  id: string;
  title: string;
  sku: string;
  /** Minor units per currency: the shop's own price lists, not converted. */
  price: Record<Currency, number>;
  grams: number;
  /** Main colour of the drawing, #rrggbb. */
  colour: string;
}

export interface Product {
  id: string;
  handle: string;
  title: string;
  type: string;
  vendor: string;
  option: string;
  description: string;
  details: string[];
  art: ArtKind;
  taxable: boolean;
  requiresShipping: boolean;
  giftCard: boolean;
  variants: Variant[];
}

export const VENDOR = "Northfold";
export const COLLECTION = { id: "301234567890", handle: "all", title: "All products" } as const;

const goods = { vendor: VENDOR, taxable: true, requiresShipping: true, giftCard: false };

export const PRODUCTS: readonly Product[] = [
  {
    ...goods,
    id: "8123456789012",
    handle: "merino-beanie",
    title: "Merino Beanie",
    type: "accessories",
    option: "Colour",
    art: "beanie",
    description: "A close-knit beanie in undyed-soft merino. Warm when it is wet, and never itchy.",
    details: ["100 % merino wool", "Knitted in one piece, no seams", "Wash cold, dry flat"],
    variants: [
      variant("44512345678901", "Charcoal", "MB-CHAR", 3200, 3000, 90, "#4a4f55"),
      variant("44512345678902", "Moss", "MB-MOSS", 3200, 3000, 90, "#66784a"),
      variant("44512345678903", "Rust", "MB-RUST", 3200, 3000, 90, "#b0572f"),
    ],
  },
  {
    ...goods,
    id: "8123456789013",
    handle: "trail-bottle",
    title: "Trail Bottle",
    type: "drinkware",
    option: "Size",
    art: "bottle",
    description: "Double-walled steel with a cap you can open in gloves. Cold for a day, hot until lunch.",
    details: ["18/8 stainless steel", "Leak-proof loop cap", "Fits most cup holders"],
    variants: [
      variant("44512345678917", "750 ml", "TB-750", 2450, 2200, 310, "#2f6f73"),
      variant("44512345678918", "1 litre", "TB-1000", 2950, 2700, 380, "#7a4b6b"),
    ],
  },
  {
    ...goods,
    id: "8123456789014",
    handle: "canvas-day-pack",
    title: "Canvas Day Pack",
    type: "bags",
    option: "Colour",
    art: "pack",
    description: "Eighteen litres of waxed canvas with one honest pocket in front and a sleeve for a laptop.",
    details: ["Waxed cotton canvas", "18 litres", "Repairable: spare buckles on request"],
    variants: [
      variant("44512345678931", "Sand", "DP-SAND", 11900, 10900, 820, "#c19a62"),
      variant("44512345678932", "Navy", "DP-NAVY", 11900, 10900, 820, "#2c3e63"),
    ],
  },
  {
    ...goods,
    id: "8123456789015",
    handle: "enamel-mug",
    title: "Enamel Mug “Früh & Spät”",
    type: "drinkware",
    option: "Colour",
    art: "mug",
    description:
      "The mug for the first coffee and the last tea. Enamelled steel, meant to get chips and stories.",
    details: ["350 ml", "Safe on a fire, not in a microwave", "Rim in raw steel"],
    variants: [
      variant("44512345678941", "Cream", "EM-CREAM", 1495, 1399, 160, "#e6d9bd"),
      variant("44512345678942", "Sea", "EM-SEA", 1495, 1399, 160, "#3d7c98"),
    ],
  },
  {
    ...goods,
    // Beyond 2^53: JSON.parse alone would turn …087 into …000.
    id: "8209829119461545087",
    handle: "lambswool-throw",
    title: "Lambswool Throw",
    type: "home",
    option: "Pattern",
    art: "throw",
    description: "A throw big enough for two, woven from lambswool in a herringbone that hides crumbs.",
    details: ["140 × 190 cm", "Lambswool from one valley", "Fringed by hand"],
    variants: [
      variant("4451234567890123457", "Herringbone", "LT-HERR", 14550, 13500, 1150, "#9c5f4a"),
      variant("4451234567890123459", "Check", "LT-CHECK", 14550, 13500, 1150, "#54705d"),
    ],
  },
  {
    id: "8123456789017",
    handle: "gift-card",
    title: "Gift Card",
    type: "gift cards",
    vendor: VENDOR,
    option: "Amount",
    art: "card",
    taxable: false,
    requiresShipping: false,
    giftCard: true,
    description:
      "Arrives by e-mail and never runs out. No tax, no shipping, no discount: a useful odd one out.",
    details: ["Sent by e-mail", "Valid for every product", "Cannot be discounted"],
    variants: [
      variant("44512345678961", "25", "GC-25", 2500, 2500, 0, "#1f4d3a"),
      variant("44512345678962", "50", "GC-50", 5000, 5000, 0, "#8a3b2a"),
    ],
  },
];

function variant(
  id: string,
  title: string,
  sku: string,
  usd: number,
  eur: number,
  grams: number,
  colour: string,
): Variant {
  return { id, title, sku, price: { USD: usd, EUR: eur }, grams, colour };
}

export interface Sellable {
  product: Product;
  variant: Variant;
}

const BY_VARIANT = new Map<string, Sellable>(
  PRODUCTS.flatMap((product) => product.variants.map((v) => [v.id, { product, variant: v }] as const)),
);

export function findVariant(id: string): Sellable | null {
  return BY_VARIANT.get(id) ?? null;
}

export function findProduct(handle: string): Product | null {
  return PRODUCTS.find((product) => product.handle === handle) ?? null;
}

/** Products in whose title, type, description or variants every word of `query` occurs; none for an empty query. */
export function searchProducts(query: string): Product[] {
  const words = query.toLowerCase().split(/\s+/).filter((word) => word !== "");
  if (words.length === 0) return [];
  return PRODUCTS.filter((product) => {
    const variants = product.variants.map((v) => `${v.title} ${v.sku}`).join(" ");
    const text = `${product.title} ${product.type} ${product.description} ${variants}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** Where the demo shop ships to: tax, shipping and a plausible (invented) buyer for each country. */
import type { Currency } from "./money.ts";

export const COUNTRY_CODES = ["US", "NL", "DE", "GB", "JP"] as const;
export type CountryCode = (typeof COUNTRY_CODES)[number];

export interface TaxRule {
  title: string;
  /** Rate in parts per 100 000: 19 % = 19000, 4.875 % = 4875. */
  rate: number;
}

/** What a buyer types at checkout. Empty string = left empty. */
export interface Buyer {
  email: string;
  phone: string;
  first_name: string;
  last_name: string;
  address1: string;
  address2: string;
  city: string;
  zip: string;
  province_code: string;
}

export interface Country {
  code: CountryCode;
  name: string;
  taxes: TaxRule[];
  /** Prices contain the tax (Europe, Japan) or it is added at checkout (US). */
  taxesIncluded: boolean;
  shippingTitle: string;
  shipping: Record<Currency, number>;
  shippingTaxed: boolean;
  locale: string;
  market: { handle: string; id: string };
  provinces: Record<string, string>;
  latitude: number;
  longitude: number;
  buyer: Buyer;
}

export const COUNTRIES: Record<CountryCode, Country> = {
  US: {
    code: "US",
    name: "United States",
    taxes: [{ title: "New York State Tax", rate: 4000 }, { title: "New York City Tax", rate: 4875 }],
    taxesIncluded: false,
    shippingTitle: "Standard",
    shipping: { USD: 590, EUR: 540 },
    shippingTaxed: false,
    locale: "en-US",
    market: { handle: "us", id: "gid://shopify/Market/23505895537" },
    provinces: { NY: "New York", CA: "California", TX: "Texas", WA: "Washington" },
    latitude: 40.6913,
    longitude: -73.9274,
    buyer: {
      email: "maya.okafor@example.com",
      phone: "+1 718 555 0123",
      first_name: "Maya",
      last_name: "Okafor",
      address1: "41 Linden Street",
      address2: "Apt 3B",
      city: "Brooklyn",
      zip: "11221",
      province_code: "NY",
    },
  },
  NL: taxInPrice(
    "NL",
    "Netherlands",
    "NL BTW",
    21000,
    "PostNL Pakket",
    { USD: 550, EUR: 500 },
    "nl-NL",
    52.3731,
    4.8926,
    {
      email: "sanne.de.vries@example.com",
      phone: "+31 20 555 0142",
      first_name: "Sanne",
      last_name: "de Vries",
      address1: "Prinsengracht 263-III",
      address2: "",
      city: "Amsterdam",
      zip: "1016 GV",
      province_code: "",
    },
  ),
  DE: taxInPrice(
    "DE",
    "Germany",
    "DE MwSt",
    19000,
    "DHL Paket",
    { USD: 550, EUR: 500 },
    "de-DE",
    50.9384,
    6.9599,
    {
      email: "zoe.muller@example.com",
      phone: "+49 221 4710187",
      first_name: "Zoë",
      last_name: "Müller-Ångström",
      address1: "Königsallee 12",
      address2: "3. OG links",
      city: "Köln",
      zip: "50667",
      province_code: "",
    },
  ),
  GB: taxInPrice(
    "GB",
    "United Kingdom",
    "GB VAT",
    20000,
    "Royal Mail Tracked",
    { USD: 880, EUR: 800 },
    "en-GB",
    51.5074,
    -0.1278,
    {
      email: "imogen.clarke@example.com",
      phone: "+44 20 7946 0018",
      first_name: "Imogen",
      last_name: "Clarke",
      address1: "14 O'Connell Mews",
      address2: "Flat 2",
      city: "London",
      zip: "N1 9GU",
      province_code: "",
    },
  ),
  JP: taxInPrice(
    "JP",
    "Japan",
    "JP CT",
    10000,
    "Yamato International",
    { USD: 1650, EUR: 1500 },
    "ja-JP",
    35.6595,
    139.7005,
    {
      email: "hanako.sato@example.com",
      phone: "+81 3 5555 0123",
      first_name: "花子",
      last_name: "佐藤",
      address1: "渋谷2-21-1",
      address2: "",
      city: "渋谷区",
      zip: "150-0002",
      province_code: "JP-13",
    },
    { "JP-13": "Tōkyō", "JP-27": "Ōsaka", "JP-01": "Hokkaidō" },
  ),
};

/** A country with one tax that prices contain and that shipping carries too. */
function taxInPrice(
  code: CountryCode,
  name: string,
  tax: string,
  rate: number,
  shippingTitle: string,
  shipping: Record<Currency, number>,
  locale: string,
  latitude: number,
  longitude: number,
  buyer: Buyer,
  provinces: Record<string, string> = {},
): Country {
  return {
    code,
    name,
    taxes: [{ title: tax, rate }],
    taxesIncluded: true,
    shippingTitle,
    shipping,
    shippingTaxed: true,
    locale,
    market: {
      handle: code.toLowerCase(),
      id: `gid://shopify/Market/2350589${5600 + COUNTRY_CODES.indexOf(code)}`,
    },
    provinces,
    latitude,
    longitude,
    buyer,
  };
}

export function isCountryCode(value: string): value is CountryCode {
  return (COUNTRY_CODES as readonly string[]).includes(value);
}

/** The customer one can be "logged in" as; lives in Germany. */
export const DEMO_CUSTOMER = {
  id: "7012345678901",
  country: "DE",
  created_at: "2025-03-14T10:02:11-04:00",
  address_id: "9112345678901",
} as const;

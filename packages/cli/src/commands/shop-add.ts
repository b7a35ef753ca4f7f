import { CHANNELS } from "@trakit/core/event.ts";
import { shopDomain } from "@trakit/shopify/verify.ts";
import { addShop, type ShopSettings } from "@trakit/db/calls/add-shop.ts";
import type { Shop } from "@trakit/db/calls/find-shop.ts";
import type { Command, Input } from "../command.ts";
import { withDatabase } from "../database.ts";
import { nearest } from "../nearest.ts";
import { CliProblem } from "../problem.ts";
import { STOREFRONT_OPTIONS, storefrontSettings } from "../storefront-options.ts";
import { columns } from "../terminal.ts";

const ORDER_TOPICS = ["orders/create", "orders/paid"] as const;
const TEST_ORDERS = ["skip", "test_mode", "send"] as const;
const UNKNOWN_CONSENT = ["send", "limited", "skip", "default"] as const;

/** One of the words an option may be; null when it was not given. Throws CliProblem. */
function oneOf<Word extends string>(input: Input, option: string, words: readonly Word[]): Word | null {
  const given = input.text(option);
  if (given === null) return null;
  const word = words.find((known) => known === given);
  if (word !== undefined) return word;
  const meant = nearest(given, words);
  throw new CliProblem(
    `--${option} cannot be "${given}".`,
    meant ? `Did you mean ${meant}?` : `It is one of ${words.join(", ")}.`,
  );
}

function shopSettings(input: Input): ShopSettings {
  const settings: ShopSettings = {};
  const topic = oneOf(input, "order-topic", ORDER_TOPICS);
  if (topic) settings.order_topic = topic;
  const testOrders = oneOf(input, "test-orders", TEST_ORDERS);
  if (testOrders) settings.test_orders = testOrders;
  const consent = oneOf(input, "unknown-consent", UNKNOWN_CONSENT);
  if (consent) settings.unknown_consent = consent === "default" ? null : consent;
  const channels = input.text("exclude-channels");
  if (channels !== null) {
    const named = channels === "none" ? [] : channels.split(",").map((one) => one.trim()).filter(Boolean);
    const wrong = named.find((one) => !(CHANNELS as readonly string[]).includes(one));
    if (wrong !== undefined) {
      throw new CliProblem(
        `There is no channel "${wrong}".`,
        `Channels are ${CHANNELS.join(", ")}; "none" excludes none.`,
      );
    }
    settings.excluded_channels = named;
  }
  const grace = input.text("grace");
  if (grace !== null) {
    if (!/^\d{1,3}$/.test(grace) || Number(grace) > 600) {
      throw new CliProblem(`--grace cannot be "${grace}".`, "It is a number of seconds from 0 to 600.");
    }
    settings.grace_seconds = Number(grace);
  }
  storefrontSettings(input, settings);
  if (input.has("unsigned") && input.has("no-unsigned")) {
    throw new CliProblem("--unsigned and --no-unsigned contradict each other.", "Leave one out.");
  }
  if (input.has("unsigned")) settings.unsigned_events = true;
  if (input.has("no-unsigned")) settings.unsigned_events = false;
  return settings;
}

/** A shop's settings, for people. */
export function describeShop(shop: Shop): string {
  return columns([
    ["  country", shop.country ?? "not known"],
    ["  order topic", shop.order_topic],
    ["  test orders", shop.test_orders],
    ["  excluded channels", shop.excluded_channels.join(", ") || "none"],
    ["  unknown consent", shop.unknown_consent ?? "skip in the EEA, UK and Switzerland, send elsewhere"],
    ["  grace", `${shop.grace_seconds} s`],
    ["  unsigned events", shop.unsigned_events ? "accepted" : "refused"],
    ["  storefront hosts", shop.hosts.join(", ") || "none seen yet"],
    ["  first-party address", shop.first_party ?? "none, the app proxy only"],
    ["  cookies live", `${shop.cookie_lifetime_days} days`],
    [
      "  browser tags",
      Object.entries(shop.browser_tags).map(([platform, mode]) => `${platform}=${mode}`).join(", ") ||
      "share our event ids",
    ],
    ["  events a minute", `${shop.events_per_minute} from one address prefix`],
  ]);
}

export const shopAdd: Command = {
  positionals: { min: 1, max: 1 },
  about:
    "Adds a shop, brings an uninstalled one back, or changes the settings that are named; the others stay.",
  options: {
    country: { value: "code", help: "The shop's country, two letters; used where an event names none." },
    "order-topic": {
      value: "topic",
      help: `Which order webhook makes a purchase: ${ORDER_TOPICS.join(" or ")}.`,
    },
    "test-orders": {
      value: "what",
      help: `What to do with Shopify's test orders: ${TEST_ORDERS.join(", ")}.`,
    },
    "exclude-channels": { value: "list", help: `Channels not sent: ${CHANNELS.join(",")}, or none.` },
    "unknown-consent": { value: "what", help: `Where no consent is known: ${UNKNOWN_CONSENT.join(", ")}.` },
    grace: { value: "seconds", help: "How long a browser's copy waits for Shopify's, 0 to 600." },
    unsigned: { help: "Accept browser events without a signed token (the default)." },
    "no-unsigned": { help: "Refuse them." },
    ...STOREFRONT_OPTIONS,
  },
  examples: [
    "trakit shop add blue-mugs.myshopify.com --country NL",
    "trakit shop add blue-mugs.myshopify.com --order-topic orders/paid --exclude-channels pos,draft",
  ],
  async run(input) {
    const domain = shopDomain(input.positionals[0]!.toLowerCase());
    if (!domain) {
      throw new CliProblem(
        `"${input.positionals[0]}" is not a shop's permanent domain.`,
        "Give the myshopify.com domain, e.g. blue-mugs.myshopify.com; Shopify shows it under Settings, Domains.",
      );
    }
    const country = input.text("country")?.toUpperCase() ?? null;
    if (country !== null && !/^[A-Z]{2}$/.test(country)) {
      throw new CliProblem(
        `--country cannot be "${input.text("country")}".`,
        "Give its two-letter code, e.g. US.",
      );
    }
    const settings = shopSettings(input);
    const shop = await withDatabase(input.io, (db) => addShop(db, domain, country, settings));
    if (input.json) input.io.out(JSON.stringify(shop));
    else {
      input.io.out(`${input.io.paint("green", "✓")} ${domain} ${shop.new ? "added" : "is set"}`);
      input.io.out(describeShop(shop));
      if (shop.new) input.io.out(`Next: trakit destination set ${domain} meta --id … --token -`);
    }
    return 0;
  },
};

import type { ShopSettings } from "@trakit/db/calls/add-shop.ts";
import type { Input, Option } from "./command.ts";
import { CliProblem } from "./problem.ts";

/** How a shop's storefront is set up: options of `shop add`. */
export const STOREFRONT_OPTIONS: Record<string, Option> = {
  hosts: { value: "list", help: "Host names of the storefront, beside those it was seen on; or none." },
  "first-party": {
    value: "address",
    help: "Where the shop's own domain reaches the proxy function; or none.",
  },
  "browser-tags": {
    value: "list",
    help: "What to do with the page's own tags: meta=share,tiktok=fire,google=off.",
  },
  "cookie-days": { value: "days", help: "How long our cookies are asked to live, 1 to 730." },
  "events-per-minute": { value: "count", help: "Browser events taken a minute from one address prefix." },
};

const TAG_MODES = ["share", "fire", "off"] as const;

/** What the storefront is set up with. Throws CliProblem. */
export function storefrontSettings(input: Input, settings: ShopSettings): void {
  const hosts = input.text("hosts");
  if (hosts !== null) {
    const named = hosts === "none" ? [] : hosts.toLowerCase().split(",").map((one) => one.trim());
    const wrong = named.find((one) => !/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/.test(one));
    if (wrong !== undefined) {
      throw new CliProblem(
        `"${wrong}" is no host name.`,
        "Give names without https:// and path, e.g. blue-mugs.com.",
      );
    }
    settings.hosts = named;
  }
  const firstParty = input.text("first-party");
  if (firstParty !== null) {
    if (firstParty !== "none" && !/^https?:\/\/[^\s?#]+$/.test(firstParty)) {
      throw new CliProblem(
        `--first-party cannot be "${firstParty}".`,
        "Give the whole address under the shop's own domain, e.g. https://blue-mugs.com/data, or none.",
      );
    }
    settings.first_party = firstParty === "none" ? null : firstParty.replace(/(?<!\/)\/+$/, "");
  }
  const tags = input.text("browser-tags");
  if (tags !== null) {
    const pairs = tags === "none" ? [] : tags.split(",").map((one) => one.trim().split("="));
    for (const [platform, mode] of pairs) {
      if (!/^[a-z][a-z0-9_]{1,30}$/.test(platform ?? "") || !TAG_MODES.some((known) => known === mode)) {
        throw new CliProblem(
          `--browser-tags cannot hold "${[platform, mode].join("=")}".`,
          `Give <platform>=<mode>, separated by commas; modes are ${TAG_MODES.join(", ")}.`,
        );
      }
    }
    settings.browser_tags = Object.fromEntries(pairs);
  }
  const whole = (option: string, from: number, to: number) => {
    const given = input.text(option);
    if (given !== null && (!/^\d{1,7}$/.test(given) || Number(given) < from || Number(given) > to)) {
      throw new CliProblem(`--${option} cannot be "${given}".`, `It is a number from ${from} to ${to}.`);
    }
    return given === null ? null : Number(given);
  };
  const days = whole("cookie-days", 1, 730);
  if (days !== null) settings.cookie_lifetime_days = days;
  const rate = whole("events-per-minute", 60, 1_000_000);
  if (rate !== null) settings.events_per_minute = rate;
}

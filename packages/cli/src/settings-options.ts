import { destination, PLATFORMS } from "@trakit/destinations/registry.ts";
import { SALE_REFUSED_POLICIES, UNKNOWN_CONSENT_POLICIES } from "@trakit/destinations/shared/settings.ts";
import { CONTENT_ID_FORMS, VALUE_RULES } from "@trakit/destinations/destination.ts";
import type { Input, Option } from "./command.ts";
import { type Parted, partSettings } from "@trakit/destinations/shared/secrets.ts";
import { nearest } from "./nearest.ts";
import { CliProblem } from "./problem.ts";

/** A destination whose settings type is not known here. */
export type AnyDestination = NonNullable<ReturnType<typeof destination>>;

/** The options that stand for a destination's settings; `destination set` and `payload` share them. */
export const SETTINGS_OPTIONS: Record<string, Option> = {
  id: { value: "id", help: "Pixel, dataset, ad account or measurement id." },
  value: { value: "rule", help: `How an order's value is counted: ${VALUE_RULES.join(", ")}.` },
  "content-ids": { value: "form", help: `What stands for an item: ${CONTENT_ID_FORMS.join(", ")}.` },
  "content-country": { value: "code", help: "Country in shopify_country ids; default the buyer's." },
  "custom-events": { help: "Also send events the platform has no standard name for." },
  "custom-event-list": { value: "list", help: "Of those, send only these, separated by commas." },
  "no-custom-events": { help: "Do not send them (the default)." },
  "unknown-consent": {
    value: "policy",
    help: `Where consent is unknown: ${
      UNKNOWN_CONSENT_POLICIES.join(", ")
    } (shop = as the shop's setting says).`,
  },
  "sale-refused": {
    value: "policy",
    help: `Where the sale of data is refused: ${SALE_REFUSED_POLICIES.join(", ")}.`,
  },
  "appsecret-proof": {
    value: "hex",
    help: "Meta: HMAC-SHA256 of the token with the app's secret, where the app requires it.",
  },
  "no-appsecret-proof": { help: "Meta: forget the proof there is." },
  "offline-event-set": { value: "id", help: "TikTok: Offline Event Set for what is sold at a till." },
  eu: { help: "Google: collect in the EU." },
  "no-eu": { help: "Google: collect anywhere (the default)." },
};

/** The platform of that name. Throws CliProblem. */
export function requirePlatform(name: string): AnyDestination {
  const found = destination(name.toLowerCase());
  if (found) return found;
  const meant = nearest(name.toLowerCase(), PLATFORMS);
  throw new CliProblem(
    `There is no platform "${name}".`,
    meant ? `Did you mean ${meant}?` : `Platforms are ${PLATFORMS.join(", ")}.`,
  );
}

/** The settings named on the command line, as entered. */
function givenSettings(input: Input): Record<string, unknown> {
  const given: Record<string, unknown> = {};
  const texts = [
    "id",
    "value",
    "content-ids",
    "content-country",
    "unknown-consent",
    "sale-refused",
    "appsecret-proof",
    "offline-event-set",
  ];
  for (const option of texts) {
    if (input.text(option) !== null) given[option.replaceAll("-", "_")] = input.text(option);
  }
  if (input.has("no-appsecret-proof")) {
    if (input.text("appsecret-proof") !== null) {
      throw new CliProblem(
        "--appsecret-proof and --no-appsecret-proof contradict each other.",
        "Leave one out.",
      );
    }
    given["appsecret_proof"] = null;
  }
  for (const [option, name] of [["custom-events", "custom_events"], ["eu", "eu"]] as const) {
    if (input.has(option) && input.has(`no-${option}`)) {
      throw new CliProblem(`--${option} and --no-${option} contradict each other.`, "Leave one out.");
    }
    if (input.has(option)) given[name] = true;
    if (input.has(`no-${option}`)) given[name] = false;
  }
  const list = input.text("custom-event-list");
  if (list !== null) given["custom_events"] = list.split(",").map((name) => name.trim()).filter(Boolean);
  return given;
}

/** Settings as entered, those that are secrets apart. Throws CliProblem with the rule's own sentence, never with a value. */
export function givenParts(platform: AnyDestination, input: Input): Pick<Parted, "settings" | "secrets"> {
  const parted = partSettings(platform, givenSettings(input));
  const [wrong] = parted.issues;
  if (wrong) throw new CliProblem(wrong, `The settings of ${platform.label}: trakit destination set --help.`);
  return parted;
}

/** Settings as the platform's schema gives them back. Throws CliProblem with the schema's own sentence. */
export function checkedSettings(
  platform: AnyDestination,
  entered: Record<string, unknown>,
): Record<string, unknown> {
  const parsed = platform.settings.safeParse(entered);
  if (parsed.success) return parsed.data as Record<string, unknown>;
  const issue = parsed.error.issues[0]!;
  const sentence = issue.code === "unrecognized_keys"
    ? `${platform.label} has no setting ${
      issue.keys.map((key) => `--${key.replaceAll("_", "-")}`).join(", ")
    }.`
    : issue.message;
  throw new CliProblem(sentence, `The settings of ${platform.label}: trakit destination set --help.`);
}

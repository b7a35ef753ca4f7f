import { readFileSync } from "node:fs";
import type { CanonicalEvent } from "@trakit/core/event.ts";
import { readVendorHosts } from "@trakit/runtime/settings.ts";
import { shopDomain } from "@trakit/shopify/verify.ts";
import type { Command, Input, Io } from "../command.ts";
import { readEvent } from "../event-input.ts";
import { CliProblem } from "../problem.ts";
import { sampleEvent } from "../sample-event.ts";
import { checkedSettings, givenParts, requirePlatform, SETTINGS_OPTIONS } from "../settings-options.ts";
import { DEMO_SHOP } from "../stack/defaults.ts";
import { DEMO_DESTINATIONS } from "../stack/demo.ts";

/** Stands for the token while the request is built, so that it can be found again wherever the vendor wants it. */
const TOKEN = "trakit-token-placeholder-0000";

function withoutToken(text: string): string {
  return text.replaceAll(TOKEN, "***");
}

async function content(path: string, io: Io): Promise<string> {
  if (path === "-") {
    let text = "";
    for await (const chunk of io.input()) text += chunk;
    return text;
  }
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new CliProblem(
      `The file ${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`,
      "Give a JSON file, or - for standard input.",
    );
  }
}

/** The moment of sending: as the option says, else right after the event. Ms since the epoch. */
function moment(input: Input, event: CanonicalEvent): number {
  const given = input.text("at");
  if (given === null) return Date.parse(event.occurred_at) + 1_000;
  const time = given === "now" ? Date.now() : Date.parse(given);
  if (Number.isNaN(time)) {
    throw new CliProblem(`--at cannot be "${given}".`, "It is an ISO 8601 time, or now.");
  }
  return time;
}

export const payload: Command = {
  positionals: { min: 1, max: 2 },
  about: [
    "Prints the exact HTTP request that an event becomes at a platform, the token replaced by ***. Sends nothing.",
    "The event is a canonical event or the body of a Shopify order webhook; without a file, the platform's first",
    "example, or with --event a sample of that event by an invented visitor.",
    "Whether a visitor's consent allows the sending is the shop's to decide and not asked here.",
  ].join("\n"),
  options: {
    ...SETTINGS_OPTIONS,
    "test-code": { value: "code", help: "The platform's test event code." },
    limited: { help: "In the vendor's limited mode (sale of data refused)." },
    shop: { value: "domain", help: `The shop an order belongs to; default ${DEMO_SHOP}.` },
    event: { value: "name", help: "Instead of a file: a sample of this event." },
    at: { value: "time", help: "When it is sent, or now; default right after the event." },
  },
  examples: [
    "trakit payload meta",
    "trakit payload google order.json --id G-AB12CD34EF",
    "trakit payload pinterest --event cart_viewed --custom-events",
    "trakit payload tiktok - --json < event.json",
  ],
  async run(input) {
    const { io, positionals } = input;
    const platform = requirePlatform(positionals[0]!);
    const shop = shopDomain(input.text("shop") ?? DEMO_SHOP);
    if (!shop) {
      throw new CliProblem(`--shop cannot be "${input.text("shop")}".`, "Give a myshopify.com domain.");
    }
    const example = platform.examples[0];
    const path = positionals[1];
    const sample = input.text("event");
    if (sample !== null && path !== undefined) {
      throw new CliProblem("A file and --event contradict each other.", "Give one of them.");
    }
    const event = sample !== null
      ? sampleEvent(sample)
      : path === undefined
      ? example?.event
      : readEvent(await content(path, io), shop);
    const own = path === undefined && sample === null;
    if (!event) throw new CliProblem(`${platform.label} has no example.`, "Give an event's file.");
    const entered = givenParts(platform, input);
    const settings = checkedSettings(platform, {
      ...(own
        ? example?.settings
        : { id: DEMO_DESTINATIONS[platform.platform]?.id ?? example?.settings["id"] }),
      ...entered.settings,
    });
    const limited = input.has("limited") || event.consent.sale_of_data === false ||
      (own && example?.limited === true);
    const mapped = platform.map(event, { settings, limited, now: moment(input, event) });
    if (!mapped.ok) {
      const detail = mapped.detail ? `: ${mapped.detail}` : "";
      if (input.json) {
        io.out(
          JSON.stringify({ skipped: mapped.reason, ...(mapped.detail ? { detail: mapped.detail } : {}) }),
        );
      } else io.out(`${platform.label} gets no request for this event (${mapped.reason}${detail}).`);
      return 0;
    }
    const hosts = readVendorHosts(io.environment);
    const request = platform.request([mapped.body], {
      settings,
      token: TOKEN,
      secrets: Object.fromEntries(
        Object.entries(entered.secrets).filter(([, value]) => value !== null).map(([name]) => [name, TOKEN]),
      ),
      baseUrl: hosts[platform.baseUrlSetting] ?? platform.baseUrl,
      testCode: input.text("test-code"),
    });
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, withoutToken(value)]),
    );
    const body = JSON.parse(withoutToken(request.body)) as unknown;
    if (input.json) {
      io.out(JSON.stringify({ method: request.method, url: request.redactedUrl, headers, body }));
    } else {
      io.out(`${io.paint("bold", request.method)} ${io.paint("cyan", request.redactedUrl)}`);
      for (const [name, value] of Object.entries(headers)) io.out(`${name}: ${value}`);
      io.out("");
      io.out(JSON.stringify(body, null, 2));
    }
    return 0;
  },
};

import { EVENT_NAMES } from "@trakit/core/event.ts";
import { sealedSecrets } from "@trakit/pipeline/merchant/destinations.ts";
import { seal, tokenSubject } from "@trakit/runtime/seal.ts";
import { readSettings } from "@trakit/runtime/settings.ts";
import { listDestinations } from "@trakit/db/calls/list-destinations.ts";
import { setDestination } from "@trakit/db/calls/set-destination.ts";
import type { Command, Input } from "../command.ts";
import { noSuchShop, requireShop, withDatabase } from "../database.ts";
import { nearest } from "../nearest.ts";
import { CliProblem } from "../problem.ts";
import {
  type AnyDestination,
  checkedSettings,
  givenParts,
  requirePlatform,
  SETTINGS_OPTIONS,
} from "../settings-options.ts";

/** The token as given, or from standard input for `-`; null when none was given. Throws CliProblem, never with the token. */
async function givenToken(input: Input, platform: AnyDestination): Promise<string | null> {
  let token = input.text("token");
  if (token === "-") {
    token = "";
    for await (const chunk of input.io.input()) {
      token += chunk;
      if (token.length > 10_000) break;
    }
    // what echo and editors put at the end
    token = token.replace(/(?<![\r\n])[\r\n]+$/, "");
  }
  if (token === null) return null;
  const problem = platform.tokenProblem(token);
  if (problem) {
    throw new CliProblem(
      problem,
      "Give the whole token with --token, or --token - to read it from standard input.",
    );
  }
  return token;
}

/** Event names to send; null = all, undefined = as before. Throws CliProblem. */
function givenEvents(input: Input, platform: AnyDestination, custom: boolean): string[] | null | undefined {
  const list = input.text("events");
  if (list === null) return undefined;
  if (list === "all") return null;
  const known: readonly string[] = custom ? EVENT_NAMES : Object.keys(platform.events);
  const names = [...new Set(list.split(",").map((name) => name.trim()).filter(Boolean))];
  for (const name of names) {
    if (known.includes(name)) continue;
    const meant = nearest(name, known);
    throw new CliProblem(
      `${platform.label} has no event "${name}".`,
      meant ? `Did you mean ${meant}?` : `Its events are ${known.join(", ")}; "all" sends them all.`,
    );
  }
  if (names.length === 0) {
    throw new CliProblem("--events names no event.", 'Use "all", or --disable to send none.');
  }
  return names;
}

function givenTestCode(input: Input, platform: AnyDestination): string | null | undefined {
  if (input.has("no-test-code")) return null;
  const code = input.text("test-code");
  if (code === null) return undefined;
  if (!/^[ -~]{1,100}$/.test(code)) {
    throw new CliProblem(
      "The test code must have 1 to 100 printable ASCII characters.",
      "Copy it from the platform's test page, or clear it with --no-test-code.",
    );
  }
  const wrong = platform.testMode.problem(code);
  if (wrong !== null) throw new CliProblem(wrong, "Clear it with --no-test-code.");
  return code;
}

export const destinationSet: Command = {
  positionals: { min: 2, max: 2 },
  about: [
    "Sets up where a shop's events go. Of a destination that is there already, only what is named changes.",
    "The token is sealed here, before it goes to the database. --token - reads it from standard input, which keeps it out",
    "of the shell's history and the process list. A lane that is held, because the platform refused token or account, is tried",
    "again after any change.",
  ].join("\n"),
  options: {
    ...SETTINGS_OPTIONS,
    token: { value: "token", help: "Access token or API secret; - reads it from standard input." },
    "test-code": {
      value: "code",
      help: "The platform's test event code: puts the destination in test mode.",
    },
    "no-test-code": { help: "Ends test mode." },
    events: {
      value: "list",
      help: "Send only these events, separated by commas; all = every one the platform knows.",
    },
    disable: { help: "Make no deliveries for new events." },
    enable: { help: "Make them again." },
  },
  examples: [
    "trakit destination set blue-mugs.myshopify.com meta --id 1234567890123456 --token - < token.txt",
    "trakit destination set blue-mugs.myshopify.com google --id G-AB12CD34EF --token … --events checkout_completed,order_refunded",
    "trakit destination set blue-mugs.myshopify.com tiktok --disable",
  ],
  async run(input) {
    const { io, positionals } = input;
    const platform = requirePlatform(positionals[1]!);
    if (input.has("disable") && input.has("enable")) {
      throw new CliProblem("--disable and --enable contradict each other.", "Leave one out.");
    }
    const { settings: entered, secrets } = givenParts(platform, input);
    const testCode = givenTestCode(input, platform);
    const token = await givenToken(input, platform);
    const { shop, row } = await withDatabase(io, async (db, environment) => {
      const shop = await requireShop(db, positionals[0]!);
      const present = (await listDestinations(db, shop.domain) ?? []).find((one) =>
        one.platform === platform.platform
      );
      const settings = checkedSettings(platform, { ...present?.settings, ...entered });
      const events = givenEvents(input, platform, settings["custom_events"] !== false);
      const sealing = token !== null || Object.keys(secrets).length > 0;
      const keys = sealing
        ? readSettings(environment, ["TRAKIT_ENCRYPTION_KEYS"]).TRAKIT_ENCRYPTION_KEYS
        : [];
      const sealed = token === null
        ? null
        : { sealed: seal(keys, token, tokenSubject(shop.id, platform.platform)), lastFour: token.slice(-4) };
      const answer = await setDestination(
        db,
        shop.domain,
        { platform: platform.platform, purpose: platform.purpose, maxAgeMs: platform.limits.maxAgeMs },
        {
          settings: present
            ? Object.fromEntries(Object.keys(entered).map((name) => [name, settings[name]]))
            : settings,
          ...(input.has("disable") ? { enabled: false } : input.has("enable") ? { enabled: true } : {}),
          ...(events === undefined ? {} : { events }),
          ...(testCode === undefined ? {} : { test_code: testCode }),
        },
        // the settings were checked together with those that were there
        {
          token: sealed,
          version: present?.version ?? 0,
          secrets: sealedSecrets({ keys }, shop.id, platform.platform, secrets),
        },
      );
      if (!answer) {
        throw shop.status === "active" ? await noSuchShop(db, shop.domain) : new CliProblem(
          `The shop ${shop.domain} is uninstalled.`,
          `Bring it back with trakit shop add ${shop.domain}.`,
        );
      }
      if (!answer.changed) {
        throw new CliProblem(
          "Somebody else has changed this destination at the same moment; nothing of yours was stored.",
          "Look with trakit destination list, then give the command again.",
        );
      }
      const row = answer.destination!;
      return { shop, row };
    });
    if (input.json) io.out(JSON.stringify(row));
    else {
      io.out(
        `${io.paint("green", "✓")} ${shop.domain} → ${platform.label} ${row.settings["id"]}${
          row.enabled ? "" : " (disabled)"
        }`,
      );
      if (row.test_code) io.out("  In test mode: events carry the test code.");
      if (row.secrets.length > 0) io.out(`  Kept sealed: ${row.secrets.join(", ")}.`);
      if (row.last_four) io.out(`  Token ends with ${row.last_four}; the lane is ${row.lane}.`);
      else {io.out(
          `  ${io.paint("yellow", "!")} It has no token yet: its deliveries wait. Give one with --token -.`,
        );}
    }
    return 0;
  },
};

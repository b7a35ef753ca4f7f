import { join } from "node:path";
import { pathToFileURL } from "node:url";
import process from "node:process";
import { shopPublicKey } from "@trakit/core/storefront-keys.ts";
import { readSettings } from "@trakit/runtime/settings.ts";
import type { ChildSpec } from "./child.ts";
import { denoBinary, ROOT } from "./paths.ts";

/** The processes of the stack besides Postgres, in the order they are ended: what makes work first. */
export const PART_NAMES = ["shop", "functions", "worker", "sandbox"] as const;
export type PartName = (typeof PART_NAMES)[number];

/** What each process gets of TrakIt's settings. The migration role's address is for none of them. */
const DELIVERY = [
  "TRAKIT_ENCRYPTION_KEYS",
  "TRAKIT_ALERT_URL",
  /^TRAKIT_[A-Z0-9]+_API_URL$/,
  // the operator's OAuth clients
  /^TRAKIT_[A-Z0-9]+_CLIENT_(ID|SECRET)$/,
  "TRAKIT_META_LOGIN_CONFIG",
] as const;
const SETTINGS: Record<PartName, readonly (string | RegExp)[]> = {
  shop: [
    "TRAKIT_SHOP_PORT",
    "TRAKIT_SHOP_DOMAIN",
    "TRAKIT_API_PORT",
    "TRAKIT_SANDBOX_PORT",
    "SHOPIFY_API_KEY",
    "SHOPIFY_API_SECRET",
  ],
  functions: [
    "TRAKIT_DB_URL",
    "TRAKIT_APP_URL",
    "TRAKIT_ADMIN_URL",
    "TRAKIT_JWT_SECRET",
    "TRAKIT_OPERATOR_KEY",
    "TRAKIT_GATEWAY_HEADERS",
    /^SHOPIFY_/,
    ...DELIVERY,
  ],
  worker: ["TRAKIT_DB_SESSION_URL", "TRAKIT_APP_URL", "TRAKIT_OPERATOR_KEY", /^SHOPIFY_/, ...DELIVERY],
  sandbox: ["TRAKIT_SANDBOX_PORT"],
};

/** The surroundings without any setting of ours or of npm; loopback never goes through a proxy. */
function surroundings(): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name, value]) =>
    value !== undefined && !/^(TRAKIT|SHOPIFY|SUPABASE|npm)_/.test(name)
  );
  const noProxy = [process.env["NO_PROXY"] ?? process.env["no_proxy"], "127.0.0.1", "localhost"].filter(
    Boolean,
  ).join(",");
  return { ...Object.fromEntries(kept) as Record<string, string>, NO_PROXY: noProxy, no_proxy: noProxy };
}

/** What Shopify has of the app once it is deployed and its pixel activated: the extensions, and the pixel's setting. */
function deployed(environment: Record<string, string>): Record<string, string> {
  const { TRAKIT_ENCRYPTION_KEYS: ring } = readSettings(environment, ["TRAKIT_ENCRYPTION_KEYS"]);
  return {
    TRAKIT_SHOP_EXTENSIONS: join(ROOT, "packages", "storefront", "extensions"),
    TRAKIT_SHOP_PIXEL_KEY: shopPublicKey(ring, environment["TRAKIT_SHOP_DOMAIN"]!),
  };
}

function isReadyLine(line: string): boolean {
  if (!line.startsWith("{")) return false;
  try {
    return (JSON.parse(line) as { ready?: unknown }).ready === true;
  } catch {
    return false;
  }
}

/** How to run one part, given the stack's settings. */
export function partSpec(
  name: PartName,
  environment: Record<string, string>,
  dataDir: string,
  functions: string,
): ChildSpec {
  const settings = Object.entries(environment).filter(([key]) =>
    SETTINGS[name].some((wanted) => typeof wanted === "string" ? wanted === key : wanted.test(key))
  );
  const shared = {
    name,
    env: { ...surroundings(), ...Object.fromEntries(settings), ...name === "shop" && deployed(environment) },
    cwd: ROOT,
    ready: isReadyLine,
    readyMs: 60_000,
    stopSignal: "SIGTERM" as const,
    killSignal: "SIGKILL" as const,
    // functions take 10 s at most to finish what is in flight
    stopMs: 12_000,
    logPath: join(dataDir, "logs", `${name}.log`),
    watchesInput: true,
  };
  if (name !== "functions") {
    const main = {
      shop: "sandbox/src/main-shop.ts",
      sandbox: "sandbox/src/main-vendors.ts",
      worker: "worker/src/main.ts",
    }[name];
    const watchdog = pathToFileURL(join(ROOT, "packages", "cli", "src", "stack", "watchdog.ts")).href;
    return {
      ...shared,
      command: process.execPath,
      args: ["--import", watchdog, join(ROOT, "packages", main)],
    };
  }
  return {
    ...shared,
    env: {
      ...shared.env,
      DENO_DIR: join(dataDir, "deno"),
      DENO_NO_UPDATE_CHECK: "1",
      DENO_NO_PACKAGE_JSON: "1",
      DENO_NO_PROMPT: "1",
    },
    command: denoBinary(),
    args: [
      "run",
      // what the edge gets: the import map of deno.json. What it names is in node_modules already; nothing is downloaded
      ...[
        "--config",
        join(ROOT, "deno.json"),
        "--node-modules-dir=manual",
        "--no-remote",
        "--no-lock",
        "--no-prompt",
      ],
      // no writing, no subprocesses, no native code; functions are read by their path
      ...["--allow-net", "--allow-env", "--allow-sys", `--allow-read=${ROOT},${functions}`],
      join(ROOT, "packages", "cli", "src", "stack", "functions-server.ts"),
      `--functions=${functions}`,
      `--port=${environment["TRAKIT_API_PORT"]}`,
      "--watch-input",
    ],
  };
}

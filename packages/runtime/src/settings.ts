import { z } from "zod";

/**
 * Settings are read once, from an object of environment variables, and refused with one sentence that names the variable.
 * Nothing else in TrakIt reads the environment.
 */

const postgresUrl = z.string().regex(/^postgres(ql)?:\/\/\S+$/, "must be a postgresql:// address");
const httpUrl = z.string().regex(/^https?:\/\/[^\s/]+(\/[^\s]*)?$/, "must be an http(s) address").transform((
  url,
) => url.replace(/(?<!\/)\/+$/, ""));

/** `id:base64,id:base64`, newest first; each key 32 bytes. */
const keyRing = z.string().transform((text, context) => {
  const keys: { id: string; key: Uint8Array }[] = [];
  for (const part of text.split(",").map((piece) => piece.trim()).filter(Boolean)) {
    const match = /^([A-Za-z0-9_-]{1,64}):([A-Za-z0-9+/_-]{43}=?)$/.exec(part);
    const key = match
      ? Uint8Array.from(atob(match[2]!.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0))
      : null;
    if (!match || key?.length !== 32) {
      context.addIssue({
        code: "custom",
        message: "must be <key id>:<32 bytes in base64>, several separated by commas, newest first",
      });
      return z.NEVER;
    }
    keys.push({ id: match[1]!, key });
  }
  if (new Set(keys.map((one) => one.id)).size < keys.length) {
    // the second would never be tried: what it sealed could not be opened
    context.addIssue({ code: "custom", message: "must not name a key id twice" });
  }
  if (keys.length === 0) context.addIssue({ code: "custom", message: "must hold at least one key" });
  return keys;
});
export type KeyRing = { id: string; key: Uint8Array }[];

/** Headers a gateway may be said to write: the visitor's address, the host they used, the country of the address. */
const GATEWAY_HEADERS = [
  "cf-connecting-ip",
  "true-client-ip",
  "x-real-ip",
  "x-forwarded-for",
  "x-forwarded-host",
  "cf-ipcountry",
] as const;

/** Names of headers, separated by commas. Nothing is believed that is not named: a visitor can write any. */
const gatewayHeaders = z.string().transform((text, context): string[] => {
  const names = text.split(",").map((name) => name.trim().toLowerCase()).filter(Boolean);
  if (names.some((name) => !GATEWAY_HEADERS.some((known) => known === name))) {
    context.addIssue({
      code: "custom",
      message: `may hold ${GATEWAY_HEADERS.join(", ")}, separated by commas`,
    });
  }
  return names;
});

const secret = z.string().min(16, "must have at least 16 characters");

const variables = {
  TRAKIT_DB_URL: postgresUrl,
  TRAKIT_DB_SESSION_URL: postgresUrl,
  SUPABASE_DB_URL: postgresUrl,
  SHOPIFY_API_KEY: z.string().min(1),
  SHOPIFY_API_SECRET: secret,
  SHOPIFY_API_SECRET_PREVIOUS: secret.optional(),
  SHOPIFY_ADMIN_API_URL: httpUrl.optional(),
  TRAKIT_APP_URL: httpUrl,
  TRAKIT_ADMIN_URL: httpUrl,
  TRAKIT_JWT_SECRET: z.string().min(32, "must have at least 32 characters").optional(),
  TRAKIT_ENCRYPTION_KEYS: keyRing,
  TRAKIT_OPERATOR_KEY: secret,
  TRAKIT_ALERT_URL: httpUrl.optional(),
  TRAKIT_GATEWAY_HEADERS: gatewayHeaders.optional(),
} as const;

type Variables = typeof variables;
export type SettingName = keyof Variables;
export type Settings<Name extends SettingName> = { [K in Name]: z.output<Variables[K]> };

export class SettingsError extends Error {
  override name = "SettingsError";
}

/**
 * Reads the named settings. An empty variable counts as absent.
 * Throws SettingsError with one sentence per problem (never a value: it may be a secret).
 */
export function readSettings<Name extends SettingName>(
  environment: Record<string, string | undefined>,
  names: readonly Name[],
): Settings<Name> {
  const result: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const name of names) {
    const value = environment[name] || undefined;
    const parsed = variables[name].safeParse(value);
    if (parsed.success) result[name] = parsed.data;
    else if (value === undefined) problems.push(`The setting ${name} is missing.`);
    else {problems.push(
        `The setting ${name} is malformed: it ${parsed.error.issues[0]?.message ?? "could not be read"}.`,
      );}
  }
  if (problems.length > 0) throw new SettingsError(problems.join(" "));
  return result as Settings<Name>;
}

/**
 * Hosts of the vendors' APIs by the variable that overrides them (`TRAKIT_META_API_URL` …), for tests and the local stack.
 * Only variables that are set appear. Throws SettingsError on a malformed address.
 */
export function readVendorHosts(environment: Record<string, string | undefined>): Record<string, string> {
  const hosts: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (!/^TRAKIT_[A-Z0-9]+_API_URL$/.test(name) || !value) continue;
    const parsed = httpUrl.safeParse(value);
    if (!parsed.success) {
      throw new SettingsError(`The setting ${name} is malformed: it must be an http(s) address.`);
    }
    hosts[name] = parsed.data;
  }
  return hosts;
}

/** An operator's client at a platform: `TRAKIT_<PLATFORM>_CLIENT_ID`, `…_CLIENT_SECRET`. */
export interface ClientSettings {
  id: string;
  secret: string;
  /** Meta only: `TRAKIT_META_LOGIN_CONFIG`, a configuration of Facebook Login for Business. */
  authorization?: Record<string, string>;
}

/**
 * The operator's OAuth clients by platform; those of which both settings are there. Throws SettingsError where only one is,
 * or one is malformed: a merchant would be sent to a platform that cannot know us.
 */
export function readOAuthClients(
  environment: Record<string, string | undefined>,
  platforms: readonly string[],
): Record<string, ClientSettings> {
  const clients: Record<string, ClientSettings> = {};
  for (const platform of platforms) {
    const prefix = `TRAKIT_${platform.toUpperCase()}_CLIENT`;
    const [id, secret] = [environment[`${prefix}_ID`], environment[`${prefix}_SECRET`]];
    if (!id && !secret) continue;
    for (const [name, value] of [["ID", id], ["SECRET", secret]] as const) {
      if (!value) {
        throw new SettingsError(`The setting ${prefix}_${name} is missing; the other of the two is set.`);
      }
      if (!/^[\x21-\x7e]{1,500}$/.test(value)) {
        throw new SettingsError(
          `The setting ${prefix}_${name} is malformed: it must be printable and without blanks.`,
        );
      }
    }
    const config = platform === "meta" ? environment["TRAKIT_META_LOGIN_CONFIG"] : undefined;
    clients[platform] = {
      id: id!,
      secret: secret!,
      ...(config ? { authorization: { config_id: config } } : {}),
    };
  }
  return clients;
}

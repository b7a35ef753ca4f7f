import { Buffer } from "node:buffer";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  readOAuthClients,
  readSettings,
  readVendorHosts,
  type SettingName,
  SettingsError,
} from "@trakit/runtime/settings.ts";

const key = (fill: number) => Buffer.alloc(32, fill).toString("base64");
const good: Record<SettingName, string> = {
  TRAKIT_DB_URL: "postgresql://trakit_edge:secret@db.example:6543/postgres",
  TRAKIT_DB_SESSION_URL: "postgres://trakit_worker:secret@db.example/postgres",
  SUPABASE_DB_URL: "postgresql://postgres:secret@db.example:5432/postgres",
  SHOPIFY_API_KEY: "0123456789abcdef",
  SHOPIFY_API_SECRET: "shpss_0123456789abcdef",
  SHOPIFY_API_SECRET_PREVIOUS: "shpss_fedcba9876543210",
  SHOPIFY_ADMIN_API_URL: "http://127.0.0.1:54340/_shopify",
  TRAKIT_APP_URL: "https://trakit.example",
  TRAKIT_ADMIN_URL: "https://admin.trakit.example",
  TRAKIT_JWT_SECRET: "jwt-secret-0123456789-0123456789-0123456789",
  TRAKIT_ENCRYPTION_KEYS: `k2:${key(2)},k1:${key(1)}`,
  TRAKIT_OPERATOR_KEY: "operator-0123456789",
  TRAKIT_ALERT_URL: "https://hooks.example/trakit",
  TRAKIT_GATEWAY_HEADERS: "cf-connecting-ip",
};
const names = Object.keys(good) as SettingName[];
const OPTIONAL: SettingName[] = [
  "SHOPIFY_API_SECRET_PREVIOUS",
  "SHOPIFY_ADMIN_API_URL",
  "TRAKIT_JWT_SECRET",
  "TRAKIT_ALERT_URL",
  "TRAKIT_GATEWAY_HEADERS",
];

function refusal(
  environment: Record<string, string | undefined>,
  wanted: readonly SettingName[] = names,
): string {
  try {
    readSettings(environment, wanted);
  } catch (error) {
    expect(error).toBeInstanceOf(SettingsError);
    return (error as Error).message;
  }
  return expect.fail("the settings were accepted");
}

test("what is right is read", () => {
  const settings = readSettings(good, names);
  expect(settings.TRAKIT_DB_URL).toBe(good.TRAKIT_DB_URL);
  expect(settings.SHOPIFY_API_SECRET_PREVIOUS).toBe(good.SHOPIFY_API_SECRET_PREVIOUS);
  expect(settings.TRAKIT_ENCRYPTION_KEYS).toEqual([
    { id: "k2", key: new Uint8Array(32).fill(2) },
    { id: "k1", key: new Uint8Array(32).fill(1) },
  ]);
});

test("only the settings asked for are read", () => {
  expect(readSettings({ SHOPIFY_API_KEY: "key", TRAKIT_DB_URL: "nonsense" }, ["SHOPIFY_API_KEY"])).toEqual({
    SHOPIFY_API_KEY: "key",
  });
});

test("of headers only those are taken that a gateway may be said to write, and none is when nothing is said", () => {
  const name = "TRAKIT_GATEWAY_HEADERS";
  const read = (text?: string) => readSettings({ [name]: text }, [name])[name];
  expect(read()).toBeUndefined();
  expect(read("")).toBeUndefined();
  expect(read("CF-Connecting-IP, x-forwarded-host,")).toEqual(["cf-connecting-ip", "x-forwarded-host"]);
  expect(refusal({ [name]: "cookie" }, [name])).toContain(name);
});

test("an address loses the slashes at its end", () => {
  const read = (url: string) => readSettings({ TRAKIT_APP_URL: url }, ["TRAKIT_APP_URL"]).TRAKIT_APP_URL;
  expect(read("https://trakit.example/")).toBe("https://trakit.example");
  expect(read("http://127.0.0.1:54321/functions/v1//")).toBe("http://127.0.0.1:54321/functions/v1");
});

test("keys may be base64 or base64url, with or without padding, and spaces around them", () => {
  const bytes = Buffer.alloc(32, 0xfb);
  const rings = [
    bytes.toString("base64"),
    bytes.toString("base64").replace("=", ""),
    bytes.toString("base64url"),
  ]
    .map((text) =>
      readSettings({ TRAKIT_ENCRYPTION_KEYS: ` a:${text} , ` }, ["TRAKIT_ENCRYPTION_KEYS"])
        .TRAKIT_ENCRYPTION_KEYS
    );
  for (const ring of rings) expect(ring).toEqual([{ id: "a", key: new Uint8Array(bytes) }]);
});

describe("a missing setting", () => {
  test.each(names.filter((name) => !OPTIONAL.includes(name)))(
    "%s is named in one sentence",
    (name) => {
      for (const value of [undefined, ""]) {
        expect(refusal({ ...good, [name]: value })).toBe(`The setting ${name} is missing.`);
      }
    },
  );

  test.each(OPTIONAL)("%s may be missing", (name) => {
    for (const value of [undefined, ""]) {
      expect(readSettings({ ...good, [name]: value }, names)[name]).toBeUndefined();
    }
  });

  test("several are named, each in a sentence of its own", () => {
    expect(refusal({ ...good, TRAKIT_DB_URL: undefined, TRAKIT_OPERATOR_KEY: undefined })).toBe(
      "The setting TRAKIT_DB_URL is missing. The setting TRAKIT_OPERATOR_KEY is missing.",
    );
  });
});

/** In every malformed value, so that a message which repeats one is found. */
const CANARY = "Kanarie";
const malformed: [SettingName, string][] = [
  ["TRAKIT_DB_URL", `mysql://user:${CANARY}@db/postgres`],
  ["TRAKIT_DB_URL", `${CANARY}.db.example`],
  ["TRAKIT_DB_URL", `postgresql://user:${CANARY} with space@db/postgres`],
  ["TRAKIT_DB_SESSION_URL", `http://user:${CANARY}@db/postgres`],
  ["SUPABASE_DB_URL", `postgresql:${CANARY}`],
  ["SHOPIFY_API_SECRET", CANARY],
  ["SHOPIFY_API_SECRET_PREVIOUS", CANARY],
  ["TRAKIT_OPERATOR_KEY", CANARY],
  ["TRAKIT_APP_URL", `${CANARY}.example`],
  ["TRAKIT_APP_URL", `ftp://${CANARY}.example`],
  ["TRAKIT_APP_URL", `https:///${CANARY}`],
  ["TRAKIT_APP_URL", `https://${CANARY}.example/with space`],
  ["TRAKIT_ENCRYPTION_KEYS", CANARY],
  ["TRAKIT_ENCRYPTION_KEYS", `${CANARY}:`],
  ["TRAKIT_ENCRYPTION_KEYS", `k1:${Buffer.from(CANARY).toString("base64")}`],
  ["TRAKIT_ENCRYPTION_KEYS", `k.${CANARY}:${key(1)}`],
  ["TRAKIT_ENCRYPTION_KEYS", `k1:${key(1)}${CANARY}`],
  ["TRAKIT_ENCRYPTION_KEYS", `k1:${key(1)},${CANARY}`],
  ["TRAKIT_ENCRYPTION_KEYS", `k1:${Buffer.alloc(33, 1).toString("base64")}`],
  ["TRAKIT_ENCRYPTION_KEYS", ","],
];

test.each(malformed)(
  "a malformed %s is named in one sentence that never repeats the value (%#)",
  (name, value) => {
    const sentence = refusal({ ...good, [name]: value });
    expect(sentence).toMatch(new RegExp(`^The setting ${name} is malformed: it [^.]+\\.$`));
    expect(sentence).not.toContain(CANARY);
    expect(sentence).not.toContain(value);
  },
);

test("no message ever repeats a value, whatever is put in", () => {
  fc.assert(fc.property(fc.constantFrom(...names), fc.string({ minLength: 12 }), (name, value) => {
    const canary = `zq${value}qz`;
    try {
      readSettings({ ...good, [name]: canary }, names);
    } catch (error) {
      expect(error).toBeInstanceOf(SettingsError);
      expect((error as Error).message).not.toContain(canary);
      expect((error as Error).message).toContain(name);
    }
  }));
});

describe("vendor hosts", () => {
  test("are those set, by the variable that sets them", () => {
    expect(readVendorHosts({
      TRAKIT_META_API_URL: "http://127.0.0.1:54330/meta/",
      TRAKIT_TIKTOK_API_URL: "",
      SHOPIFY_ADMIN_API_URL: "http://127.0.0.1:54340/_shopify",
      TRAKIT_APP_URL: "https://trakit.example",
      TRAKIT_ADMIN_URL: "https://admin.trakit.example",
      TRAKIT_JWT_SECRET: "jwt-secret-0123456789-0123456789-0123456789",
      PATH: "/bin",
    })).toEqual({ TRAKIT_META_API_URL: "http://127.0.0.1:54330/meta" });
  });

  test("a malformed one is named without its value", () => {
    expect(() => readVendorHosts({ TRAKIT_META_API_URL: CANARY })).toThrow(
      new SettingsError("The setting TRAKIT_META_API_URL is malformed: it must be an http(s) address."),
    );
  });
});

describe("the operator's clients at platforms", () => {
  const read = (environment: Record<string, string>) => readOAuthClients(environment, ["meta", "pinterest"]);

  test("are those of which both settings are there; Meta's may name a login configuration", () => {
    expect(read({})).toEqual({});
    expect(read({
      TRAKIT_META_CLIENT_ID: "1",
      TRAKIT_META_CLIENT_SECRET: "s",
      TRAKIT_META_LOGIN_CONFIG: "42",
      TRAKIT_NOBODY_CLIENT_ID: "x",
    })).toEqual({ meta: { id: "1", secret: "s", authorization: { config_id: "42" } } });
  });

  test("with one setting missing or malformed stop the start, by name and never by value", () => {
    expect(() => read({ TRAKIT_META_CLIENT_ID: "1" })).toThrow("TRAKIT_META_CLIENT_SECRET is missing");
    expect(() => read({ TRAKIT_PINTEREST_CLIENT_SECRET: "s" })).toThrow(
      "TRAKIT_PINTEREST_CLIENT_ID is missing",
    );
    const malformed = () => read({ TRAKIT_META_CLIENT_ID: "1", TRAKIT_META_CLIENT_SECRET: "two words" });
    expect(malformed).toThrow("TRAKIT_META_CLIENT_SECRET is malformed");
    expect(malformed).not.toThrow("two words");
  });
});

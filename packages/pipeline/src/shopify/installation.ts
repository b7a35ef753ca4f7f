import { z } from "zod";
import { shopPublicKey } from "@trakit/core/storefront-keys.ts";
import { noteLookup } from "@trakit/db/calls/note-lookup.ts";
import { findInstallation, type Installation } from "@trakit/db/calls/find-installation.ts";
import { installShop } from "@trakit/db/calls/install-shop.ts";
import { noteSetup } from "@trakit/db/calls/note-setup.ts";
import type { ShopifyTokens } from "@trakit/runtime/shopify-app.ts";
import { accessToken, type AdminWorld, type AskedAnswer, askShop, sealedPair } from "./shop-token.ts";

export interface InstallWorld extends AdminWorld {
  /** `TRAKIT_APP_URL`: where the web pixel sends to. */
  appUrl: string;
  /** ms since the epoch. */
  now: () => number;
}

export type InstallResult =
  | { ok: true; installation: Installation }
  | { ok: false; reason: "invalid_token" | "refused" | "unavailable" };

/** An access token with less left than this is traded for a new pair when the merchant is here anyway (ms). */
const RENEW_MS = 5 * 60_000;

/**
 * A merchant has opened the app (managed installation, reference: shopify §3.1): trades the session token for offline tokens
 * where none, or none that last, are there, and does what set-up still lacks. Every step can be repeated: a crash in the
 * middle is completed by the next visit. The caller has verified that the token is this shop's.
 */
export async function openApp(
  world: InstallWorld,
  shop: string,
  sessionToken: string,
): Promise<InstallResult> {
  const known = await findInstallation(world.db, shop);
  const left = known?.access_expires_at ? Date.parse(known.access_expires_at) - world.now() : 0;
  const lasting = known?.access_expires_at === "infinity" || left > RENEW_MS;
  const exchange = async () => {
    const answer = await world.shopify.exchange(shop, sessionToken);
    if (answer.ok) await keepTokens(world, shop, answer.tokens);
    return answer;
  };
  const renew = !known || known.status !== "active" || !known.has_token || known.trouble || !lasting;
  if (renew) {
    const answer = await exchange();
    if (!answer.ok) return answer;
  }
  const installation = await completeSetup(world, shop);
  if (renew || installation.trouble === null) return { ok: true, installation };
  // what we thought good is not, nor what renews it: the merchant is here, and their visit gives a new pair
  const answer = await exchange();
  return answer.ok ? { ok: true, installation: await completeSetup(world, shop) } : answer;
}

/** Shopify has given us tokens: the shop is added, or comes back. */
export async function keepTokens(world: AdminWorld, shop: string, tokens: ShopifyTokens): Promise<void> {
  const pair = sealedPair(world.keys, shop, tokens);
  const installed = await installShop(world.db, shop, pair, tokens.scopes, world.databaseNow?.());
  // what could not be asked with the token before can be now
  await noteLookup(world.db, shop, null, world.databaseNow?.());
  world.log.info("app_installed", { new: installed.new, scopes: tokens.scopes.length });
}

const userErrors = z.array(z.object({ code: z.string().nullish() }));
const pixelPayload = z.object({
  webPixel: z.object({ id: z.string().max(200) }).nullish(),
  userErrors,
});

const SHOP_QUERY = "query { shop { billingAddress { countryCodeV2 } primaryDomain { host } } }";
const PIXEL_QUERY = "query { webPixel { id } }";
const CREATE_PIXEL = `mutation ($settings: JSON!) {
  webPixelCreate(webPixel: {settings: $settings}) { userErrors { code field message } webPixel { id settings } }
}`;
const UPDATE_PIXEL = `mutation ($id: ID!, $settings: JSON!) {
  webPixelUpdate(id: $id, webPixel: {settings: $settings}) { userErrors { code field message } webPixel { id settings } }
}`;

/**
 * Does what set-up lacks: the shop's country, its storefront's host, and the web pixel with its two settings (created, or updated where they have
 * changed: another address, another key). What does not work is noted with its reason and tried again at the next occasion:
 * a visit, `app/scopes_update`, the daily job. Throws DatabaseUnavailable, and an Error where there is no such shop.
 */
export async function completeSetup(world: InstallWorld, shop: string): Promise<Installation> {
  const known = await findInstallation(world.db, shop);
  if (!known) throw new Error("set-up of a shop that was not added");
  const settings = {
    endpoint: `${world.appUrl.replace(/\/$/, "")}/proxy`,
    key: shopPublicKey(world.keys, shop),
  };
  const current = known.pixel_id !== null && sameSettings(known.pixel_settings, settings);
  const described = known.country !== null && known.hosts.length > 0;
  if (known.status !== "active" || (current && described && known.pixel_trouble === null)) return known;

  const token = await accessToken(world, shop);
  if (!token.ok) {
    return await note(world, shop, { country: null, host: null }, { trouble: token.reason }) ?? known;
  }
  let about: About = { country: null, host: null };
  if (!described) {
    const answer = await askShop(world, shop, SHOP_QUERY);
    if (answer.ok) about = aboutShop(answer.data);
  }
  const pixel = current ? {} : await setPixel(world, shop, known.pixel_id, settings);
  return await note(world, shop, about, pixel) ?? known;
}

type Pixel = { id: string; settings: Record<string, string> } | { trouble: string } | Record<string, never>;

async function note(world: InstallWorld, shop: string, about: About, pixel: Pixel) {
  return await noteSetup(world.db, shop, {
    ...about,
    pixelId: "id" in pixel ? pixel.id as string : null,
    pixelSettings: "settings" in pixel ? pixel.settings as Record<string, string> : null,
    pixelTrouble: "trouble" in pixel ? (pixel.trouble as string).slice(0, 200) : null,
  }, world.databaseNow?.());
}

async function setPixel(
  world: InstallWorld,
  shop: string,
  known: string | null,
  settings: { endpoint: string; key: string },
): Promise<Pixel> {
  const call = (query: string, variables: Record<string, unknown>) =>
    askShop<Record<string, unknown>>(world, shop, query, variables);
  const text = JSON.stringify(settings);
  let id = known;
  if (id === null) {
    const made = pixelOf(await call(CREATE_PIXEL, { settings: text }), "webPixelCreate");
    if ("id" in made) return { id: made.id, settings };
    if (made.trouble !== "taken") return made;
    // made by an earlier run that did not live to note it
    const found = await call(PIXEL_QUERY, {});
    id = found.ok
      ? z.object({ webPixel: z.object({ id: z.string().max(200) }) }).safeParse(found.data).data?.webPixel
        .id ?? null
      : null;
    if (id === null) return { trouble: "taken" };
  }
  const updated = pixelOf(await call(UPDATE_PIXEL, { id, settings: text }), "webPixelUpdate");
  return "id" in updated ? { id: updated.id, settings } : updated;
}

function pixelOf(
  answer: AskedAnswer<Record<string, unknown>>,
  field: string,
): { id: string } | { trouble: string } {
  if (!answer.ok) return { trouble: answer.reason };
  const payload = pixelPayload.safeParse(answer.data[field]);
  if (!payload.success) return { trouble: "unexpected_answer" };
  const { userErrors, webPixel } = payload.data;
  if (webPixel && userErrors.length === 0) return { id: webPixel.id };
  return { trouble: (userErrors[0]?.code ?? "refused").toLowerCase() };
}

interface About {
  country: string | null;
  /** Of the storefront: pages there may call us with the shop's public key. */
  host: string | null;
}

const shopAnswer = z.object({
  shop: z.object({
    billingAddress: z.object({ countryCodeV2: z.string().regex(/^[A-Z]{2}$/).nullable().catch(null) })
      .nullish()
      .catch(null),
    primaryDomain: z.object({
      host: z.string().toLowerCase().regex(/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/).nullable().catch(null),
    }).nullish().catch(null),
  }),
});

function aboutShop(data: unknown): About {
  const shop = shopAnswer.safeParse(data).data?.shop;
  return { country: shop?.billingAddress?.countryCodeV2 ?? null, host: shop?.primaryDomain?.host ?? null };
}

function sameSettings(a: Record<string, string> | null, b: { endpoint: string; key: string }): boolean {
  return a !== null && a["endpoint"] === b.endpoint && a["key"] === b.key;
}

import { z } from "zod";
import type { Installation } from "@trakit/db/calls/find-installation.ts";
import { SCOPES } from "@trakit/runtime/shopify-scopes.ts";

/** Answers to merchants: what the handlers send and what the OpenAPI document says are the same schemas. */

export const installAnswerSchema = z.object({
  shop: z.string().describe("myshopify.com domain."),
  status: z.enum(["active", "uninstalled"]),
  country: z.string().nullable(),
  token: z.enum(["ok", "missing", "reopen_app"]).describe(
    "missing: none was exchanged yet. reopen_app: Shopify refused to renew it; opening the app gives a new one.",
  ),
  scopes: z.array(z.string()),
  missing_scopes: z.array(z.string()).describe("Scopes the app needs and the merchant has not granted."),
  pixel: z.enum(["connected", "missing"]),
  pixel_trouble: z.string().nullable().describe("Why the web pixel could not be created."),
}).meta({ id: "InstallAnswer" });
export type InstallAnswer = z.output<typeof installAnswerSchema>;

/** How far the app is set up, for people. */
export function setupOf(installation: Installation): InstallAnswer {
  return {
    shop: installation.domain,
    status: installation.status,
    country: installation.country,
    token: installation.trouble ?? (installation.has_token ? "ok" : "missing"),
    scopes: installation.scopes,
    missing_scopes: SCOPES.filter((scope) => !installation.scopes.includes(scope)),
    pixel: installation.pixel_id ? "connected" : "missing",
    pixel_trouble: installation.pixel_trouble,
  };
}

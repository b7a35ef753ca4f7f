import { z } from "zod";
import { adminPaths } from "./openapi-admin.ts";
import { installAnswerSchema } from "@trakit/pipeline/contracts/installation.ts";
import {
  drainAnswerSchema,
  eventAnswerSchema,
  healthAnswerSchema,
  problemSchema,
  sessionAnswerSchema,
  webhookAnswerSchema,
} from "@trakit/pipeline/contracts/answers.ts";
import {
  browserBatchSchema,
  browserEventSchema,
  sessionRequestSchema,
} from "@trakit/shopify/browser-schema.ts";
import { orderSchema } from "@trakit/shopify/order-schema.ts";

type Schema = Record<string, unknown>;

/** Schemas that carry an id of their own: each stands once, under #/components/schemas. */
type Components = Record<string, Schema>;

/**
 * JSON Schema of what a caller may send (input) or gets (output). Transforms have no JSON form on the output side. What has
 * an id goes into `components`, and references lead there.
 */
function schemaOf(components: Components, schema: z.ZodType, io: "input" | "output"): Schema {
  const made = z.toJSONSchema(schema, { io, unrepresentable: "any", reused: "inline" });
  const { $schema: _, $defs: defined = {}, ...rest } = JSON.parse(
    JSON.stringify(made).replaceAll('"#/$defs/', '"#/components/schemas/'),
  ) as Schema & { $defs?: Components };
  Object.assign(components, defined);
  const id = schema.meta()?.id;
  if (id === undefined) return rest;
  // zod leaves the outermost schema where it is, although references to it use its id
  if (rest.$ref === undefined) components[id] = rest;
  return { $ref: `#/components/schemas/${id}` };
}

const shopifyHeader = (name: string, description: string) => ({
  name,
  in: "header",
  required: true,
  description,
  schema: { type: "string" },
});

const proxyQuery = (name: string, description: string) => ({
  name,
  in: "query",
  required: false,
  description,
  schema: { type: "string" },
});

const STOREFRONT_SECURITY = [{ shopifyAppProxy: [] }, { shopPublicKey: [] }];
/** Either Shopify's five, or the key. */
const STOREFRONT_QUERY = [
  proxyQuery("shop", "myshopify.com domain, added by Shopify."),
  proxyQuery("logged_in_customer_id", "Customer id, or empty; added by Shopify."),
  proxyQuery("path_prefix", "Proxy path the visitor used; added by Shopify."),
  proxyQuery("timestamp", "Unix seconds, at most 90 away; added by Shopify."),
  proxyQuery("signature", "Hex HMAC-SHA256 over the other parameters; added by Shopify."),
  proxyQuery("key", "The shop's public key, where the request does not come through Shopify."),
];
const STOREFRONT_PROBLEMS: [status: number, description: string][] = [
  [401, "Neither signed by Shopify's app proxy nor with a shop's key; or stale."],
  [403, "The page is not the shop's."],
  [404, "The app is not installed in this shop."],
  [429, "Too many events from this address in this minute."],
  [503, "The database is out of reach; send again."],
];

/** The HTTP API as OpenAPI 3.1, generated from the zod schemas the handlers use. */
export function openapi(version: string): Schema {
  const components: Components = {};
  const input = (schema: z.ZodType) => schemaOf(components, schema, "input");
  const answer = (description: string, schema: z.ZodType) => ({
    description,
    content: { "application/json": { schema: schemaOf(components, schema, "output") } },
  });
  const problems = (...codes: [status: number, description: string][]) =>
    Object.fromEntries(codes.map(([status, description]) => [status, {
      description,
      content: { "application/problem+json": { schema: schemaOf(components, problemSchema, "output") } },
    }]));
  components.BrowserEvent = input(browserEventSchema);

  return {
    openapi: "3.1.0",
    info: {
      title: "TrakIt",
      version,
      description:
        "Server-side conversion tracking for Shopify shops. Errors are RFC 9457 problem documents.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/functions/v1", description: "Supabase Edge Functions" }],
    paths: {
      "/proxy/event": {
        post: {
          operationId: "sendEvents",
          summary: "Takes up to 50 browser events of a storefront",
          security: STOREFRONT_SECURITY,
          parameters: STOREFRONT_QUERY,
          requestBody: {
            required: true,
            content: {
              "application/json": {
                schema: {
                  ...input(browserBatchSchema),
                  description:
                    "`events` holds objects of the shape #/components/schemas/BrowserEvent, or {token, body} with such an object's JSON text as body; each is validated by itself.",
                },
              },
            },
          },
          responses: {
            202: answer("What became of each event.", eventAnswerSchema),
            ...problems(
              [400, "Not JSON, or not a batch."],
              ...STOREFRONT_PROBLEMS,
              [405, "Not POST."],
              [413, "Body over 1 MiB."],
            ),
          },
        },
      },
      "/proxy/session": {
        get: {
          operationId: "getSession",
          summary: "Begins a visit",
          security: STOREFRONT_SECURITY,
          parameters: STOREFRONT_QUERY,
          responses: {
            200: answer("A signing key, and the shop's settings.", sessionAnswerSchema),
            ...problems(...STOREFRONT_PROBLEMS),
          },
        },
        post: {
          operationId: "beginSession",
          summary: "Begins a visit, and gives a known visitor their identifiers back",
          security: STOREFRONT_SECURITY,
          parameters: STOREFRONT_QUERY,
          requestBody: {
            required: false,
            content: { "application/json": { schema: input(sessionRequestSchema) } },
          },
          responses: {
            200: answer(
              "A signing key, the visitor's identifiers as consent allows, and the shop's settings.",
              sessionAnswerSchema,
            ),
            ...problems(
              [400, "Not JSON, or not of this shape."],
              ...STOREFRONT_PROBLEMS,
              [413, "Body over 64 KiB."],
            ),
          },
        },
      },
      "/proxy/trakit.js": {
        get: {
          operationId: "getScript",
          summary: "The storefront script",
          security: [],
          responses: {
            200: {
              description: "JavaScript.",
              content: { "text/javascript": { schema: { type: "string" } } },
            },
            304: { description: "The one you have is the newest." },
          },
        },
      },
      "/install": {
        get: {
          operationId: "openApp",
          summary: "Where Shopify opens the app: exchanges the token and leads to the app's page",
          security: [],
          parameters: [
            proxyQuery("shop", "myshopify.com domain."),
            {
              ...proxyQuery("id_token", "Session token; without it the authorization code grant begins."),
              required: false,
            },
            { ...proxyQuery("host", "App Bridge's host, handed on to the page."), required: false },
          ],
          responses: {
            302: { description: "To the app's page, or to the shop's grant screen." },
            ...problems([400, "Not a shop."], [401, "Invalid session token."], [403, "Shopify refuses."], [
              503,
              "Shopify or the database is out of reach.",
            ]),
          },
        },
      },
      "/install/callback": {
        get: {
          operationId: "installCallback",
          summary: "The way back from the grant screen",
          security: [],
          responses: {
            302: { description: "To the app's page." },
            ...problems([400, "Not the answer of a grant begun here."], [403, "Shopify refuses."], [
              503,
              "Shopify or the database is out of reach.",
            ]),
          },
        },
      },
      "/install/token": {
        post: {
          operationId: "installByToken",
          summary: "Exchanges the page's session token and tells how far set-up is",
          security: [{ shopifySessionToken: [] }],
          responses: {
            200: answer("How far set-up is.", installAnswerSchema),
            ...problems([401, "Invalid session token."], [403, "Shopify refuses."], [
              503,
              "Shopify or the database is out of reach.",
            ]),
          },
        },
      },
      ...adminPaths({ answer, problems, input: (schema) => schemaOf(components, schema, "input") }),
      "/webhooks": {
        post: {
          operationId: "receiveWebhook",
          summary: "Takes Shopify's webhooks; the schema is that of orders/create and orders/paid",
          security: [{ shopifyWebhook: [] }],
          parameters: [
            shopifyHeader("X-Shopify-Topic", "e.g. orders/create."),
            shopifyHeader("X-Shopify-Shop-Domain", "myshopify.com domain."),
            shopifyHeader("X-Shopify-API-Version", "e.g. 2026-10."),
            shopifyHeader("X-Shopify-Webhook-Id", "Stable over retries: a repeat is one event."),
          ],
          requestBody: {
            required: true,
            content: { "application/json": { schema: input(orderSchema) } },
          },
          responses: {
            200: answer("Shopify need not repeat it.", webhookAnswerSchema),
            ...problems(
              [401, "Missing or wrong signature: nothing was parsed or stored."],
              [405, "Not POST."],
              [413, "Body over 5 MiB."],
              [503, "The database is out of reach; Shopify repeats."],
            ),
          },
        },
      },
      "/drain": {
        post: {
          operationId: "drain",
          summary: "Sends what is due, for at most a minute",
          security: [{ operatorKey: [] }],
          responses: {
            200: answer("What was sent.", drainAnswerSchema),
            ...problems([401, "Missing or wrong operator key."], [405, "Not POST."], [
              503,
              "The database is out of reach.",
            ]),
          },
        },
      },
      "/health": {
        get: {
          operationId: "health",
          summary: "Whether events can be stored, and how much waits",
          security: [],
          responses: {
            200: answer("Events can be stored.", healthAnswerSchema),
            503: answer("Events cannot be stored.", healthAnswerSchema),
          },
        },
      },
      "/health/metrics": {
        get: {
          operationId: "metrics",
          summary: "Figures of the recovery queue for Prometheus",
          security: [{ operatorKey: [] }],
          responses: {
            200: {
              description: "Prometheus' text format, version 0.0.4.",
              content: { "text/plain": { schema: { type: "string" } } },
            },
            ...problems([401, "Missing or wrong operator key."], [503, "The database is out of reach."]),
          },
        },
      },
      "/health/openapi.json": {
        get: {
          operationId: "openapi",
          summary: "This document",
          security: [],
          responses: {
            200: {
              description: "OpenAPI 3.1.",
              content: { "application/json": { schema: { type: "object" } } },
            },
          },
        },
      },
    },
    components: {
      securitySchemes: {
        shopifyWebhook: {
          type: "apiKey",
          in: "header",
          name: "X-Shopify-Hmac-Sha256",
          description: "Base64 HMAC-SHA256 of the raw body with the app's secret.",
        },
        shopifyAppProxy: {
          type: "apiKey",
          in: "query",
          name: "signature",
          description: "Made by Shopify's app proxy.",
        },
        shopPublicKey: { type: "apiKey", in: "query", name: "key", description: "Names the shop." },
        shopifySessionToken: {
          type: "http",
          scheme: "bearer",
          bearerFormat: "JWT",
          description: "App Bridge's session token.",
        },
        operatorKey: { type: "http", scheme: "bearer", description: "TRAKIT_OPERATOR_KEY." },
      },
      schemas: components,
    },
  };
}

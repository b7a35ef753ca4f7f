import type { z } from "zod";
import * as contracts from "@trakit/pipeline/contracts/merchant.ts";

type Schema = Record<string, unknown>;

/** What the rest of the document builds with. */
export interface Builders {
  answer: (description: string, schema: z.ZodType) => unknown;
  problems: (...codes: [status: number, description: string][]) => Record<number, unknown>;
  input: (schema: z.ZodType) => Schema;
}

const IF_MATCH = {
  name: "if-match",
  in: "header",
  description: "The version the change is made for, in quotes, as ETag gave it; absent: whichever.",
  schema: { type: "string" },
};

/** An operation whose answer carries the destination's version as ETag. */
function withVersion<T extends { responses: Schema }>(operation: T, more: Schema = {}): T {
  const etag = { description: "The destination's version, in quotes.", schema: { type: "string" } };
  return {
    ...operation,
    responses: {
      ...operation.responses,
      200: { ...operation.responses[200] as Schema, headers: { etag } },
      ...more,
    },
  };
}

/** The merchant's API as OpenAPI paths, from the schemas its handler uses. */
export function adminPaths({ answer, problems, input }: Builders): Schema {
  const always = problems(
    [401, "No valid session token."],
    [404, "Not installed, or nothing of that id in this shop."],
    [429, "More than 120 requests a minute."],
    [503, "The database is out of reach."],
  );
  const operation = (id: string, summary: string, schema: z.ZodType, more: Schema = {}) => ({
    operationId: id,
    summary,
    security: [{ shopifySessionToken: [] }],
    ...more,
    responses: {
      200: answer(summary, schema),
      ...always,
      ...(more["requestBody"] ? problems([422, "Not what this address takes."]) : {}),
    },
  });
  const body = (schema: z.ZodType) => ({
    requestBody: { required: true, content: { "application/json": { schema: input(schema) } } },
  });
  const inPath = (name: string, description: string) => ({
    parameters: [{ name, in: "path", required: true, description, schema: { type: "string" } }],
  });
  const platform = inPath("platform", "meta, tiktok, pinterest …");
  const browserPath = (
    operationId: string,
    summary: string,
    query: string[],
    more: ReturnType<typeof inPath>,
  ) => ({
    operationId,
    summary,
    security: [],
    parameters: [
      ...more.parameters,
      ...query.map((name) => ({ name, in: "query", required: name === "state", schema: { type: "string" } })),
    ],
    responses: {
      302: { description: "To the platform, or to the app's page with connect=<what came of it>." },
      ...problems([400, "Not the answer of a connection begun in this browser."]),
    },
  });
  const list = contracts.destinationAnswerSchema.array();
  return {
    "/admin/shop": {
      get: operation("getShop", "Settings and set-up", contracts.shopAnswerSchema),
      patch: operation(
        "changeShop",
        "Changes the settings named",
        contracts.shopAnswerSchema,
        body(contracts.shopChangeSchema),
      ),
    },
    "/admin/destinations": {
      get: operation("listDestinations", "Every platform, set up or not (under destinations)", list),
    },
    "/admin/destinations/{platform}": {
      get: withVersion(operation(
        "getDestination",
        "One platform, set up or not",
        contracts.destinationAnswerSchema,
        platform,
      )),
      put: withVersion(
        operation(
          "changeDestination",
          "Sets up or changes a destination",
          contracts.destinationChangedSchema,
          { parameters: [...platform.parameters, IF_MATCH], ...body(contracts.destinationChangeSchema) },
        ),
        problems([409, "Others keep changing it."], [412, "It is at another version than If-Match names."]),
      ),
    },
    "/admin/destinations/{platform}/test": {
      post: operation(
        "sendTestEvent",
        "Sends a made-up event in test mode",
        contracts.testEventAnswerSchema,
        {
          ...platform,
          ...body(contracts.testEventSchema),
        },
      ),
    },
    "/admin/destinations/{platform}/connect": {
      post: operation(
        "beginConnection",
        "Where the merchant's browser is to go to connect an account",
        contracts.connectAnswerSchema,
        { ...platform, ...body(contracts.connectSchema) },
      ),
    },
    "/admin/connect/{platform}": {
      get: browserPath("openConnection", "Sends the browser to the platform", ["state"], platform),
    },
    "/admin/connect/{platform}/callback": {
      get: browserPath(
        "connectionCallback",
        "Where the platform sends the browser back to",
        ["state", "code", "auth_code", "error"],
        platform,
      ),
    },
    "/admin/setup": {
      get: operation("getSetup", "What is set up and what is not", contracts.setupAnswerSchema),
    },
    "/admin/orders/{order}": {
      get: operation(
        "traceOrder",
        "One order across platforms",
        contracts.orderAnswerSchema,
        inPath("order", "Id or name."),
      ),
    },
    "/admin/health": {
      get: operation(
        "shopHealth",
        "A day's deliveries, a week's match quality",
        contracts.healthOfShopSchema,
      ),
    },
    "/admin/replay": {
      post: operation(
        "replay",
        "Sends ended deliveries again; counts only, unless dry_run is false",
        contracts.replayAnswerSchema,
        body(contracts.replaySchema),
      ),
    },
    "/admin/privacy": {
      get: operation("privacyLog", "Requests for export and redaction", contracts.privacyAnswerSchema),
    },
    "/admin/privacy/{id}/export": {
      get: operation(
        "privacyExport",
        "What a customer asked for",
        contracts.privacyExportSchema,
        {
          parameters: [
            ...inPath("id", "Id of the request.").parameters,
            {
              name: "after",
              in: "query",
              required: false,
              description: "`next` of an earlier answer: the events that follow.",
              schema: { type: "string" },
            },
          ],
        },
      ),
    },
    "/admin/token": {
      post: operation("accessToken", "A ten-minute token for supabase-js", contracts.accessTokenSchema),
    },
  };
}

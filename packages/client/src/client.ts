import { createClient, type SupabaseClient } from "@supabase/supabase-js";
import type { z } from "zod";
import type { Database } from "@trakit/db/database.types.ts";
import type {
  accessTokenSchema,
  connectAnswerSchema,
  destinationAnswerSchema,
  destinationChangedSchema,
  destinationChangeSchema,
  healthOfShopSchema,
  orderAnswerSchema,
  privacyAnswerSchema,
  privacyExportSchema,
  replayAnswerSchema,
  replaySchema,
  setupAnswerSchema,
  shopAnswerSchema,
  shopChangeSchema,
  testEventAnswerSchema,
  testEventSchema,
} from "@trakit/pipeline/contracts/merchant.ts";

/** A refusal of TrakIt's API: the problem document (RFC 9457) as an error. */
export class TrakitProblem extends Error {
  override name = "TrakitProblem";
  readonly status: number;
  /** Stable snake_case code. */
  readonly code: string;
  readonly issues: string[];
  constructor(problem: { status: number; code: string; title: string; detail?: string; issues?: string[] }) {
    super(problem.detail ? `${problem.title} ${problem.detail}` : problem.title);
    this.status = problem.status;
    this.code = problem.code;
    this.issues = problem.issues ?? [];
  }
}

type TokenSource = string | (() => string | Promise<string>);
const tokenOf = async (source: TokenSource): Promise<string> =>
  typeof source === "string" ? source : await source();

/** Reads the views of schema `api`; every row is of the shop in the token. */
export type TrakitClient = SupabaseClient<Database, "api">;

/**
 * A supabase-js client for one shop's rows: `client.from("event_log").select()`, typed by the database's own types. `token` is
 * what `POST /admin/token` gives (ten minutes), or a function that gets a new one.
 *
 * @param url the Supabase project, e.g. https://project.supabase.co
 * @param key its publishable key
 */
export function createTrakitClient(
  url: string,
  key: string,
  token: TokenSource,
  options: { fetch?: typeof fetch } = {},
): TrakitClient {
  return createClient<Database, "api">(url, key, {
    db: { schema: "api" },
    accessToken: () => tokenOf(token),
    ...(options.fetch ? { global: { fetch: options.fetch } } : {}),
  });
}

type In<T extends z.ZodType> = z.input<T>;
type Out<T extends z.ZodType> = z.output<T>;

/** The merchant's API, see docs/http-api.md. Each call throws TrakitProblem where it is refused. */
export interface TrakitAdmin {
  shop(): Promise<Out<typeof shopAnswerSchema>>;
  changeShop(change: In<typeof shopChangeSchema>): Promise<Out<typeof shopAnswerSchema>>;
  destinations(): Promise<{ destinations: Out<typeof destinationAnswerSchema>[] }>;
  destination(platform: string): Promise<Out<typeof destinationAnswerSchema>>;
  changeDestination(
    platform: string,
    change: In<typeof destinationChangeSchema>,
    /** The version the change is made for; refused (412) where it is another by now. Absent = whichever. */
    version?: number,
  ): Promise<Out<typeof destinationChangedSchema>>;
  sendTestEvent(
    platform: string,
    event?: In<typeof testEventSchema>,
  ): Promise<Out<typeof testEventAnswerSchema>>;
  /** Where the merchant's browser is to go to connect their account; good once. */
  connect(platform: string): Promise<Out<typeof connectAnswerSchema>>;
  setup(): Promise<Out<typeof setupAnswerSchema>>;
  order(order: string): Promise<Out<typeof orderAnswerSchema>>;
  health(): Promise<Out<typeof healthOfShopSchema>>;
  replay(request: In<typeof replaySchema>): Promise<Out<typeof replayAnswerSchema>>;
  privacy(): Promise<Out<typeof privacyAnswerSchema>>;
  /** `after`: an earlier answer's `next`, for the events that follow. */
  privacyExport(id: string, after?: string): Promise<Out<typeof privacyExportSchema>>;
  token(): Promise<Out<typeof accessTokenSchema>>;
}

/**
 * The merchant's API by way of supabase-js' `functions.invoke`. `sessionToken` is Shopify's (App Bridge's `shopify.idToken`),
 * which lives a minute: give a function.
 */
export function createTrakitAdmin(
  url: string,
  key: string,
  sessionToken: TokenSource,
  options: { fetch?: typeof fetch } = {},
): TrakitAdmin {
  const { functions } = createClient(url, key, options.fetch ? { global: { fetch: options.fetch } } : {});
  async function call<T>(
    method: "GET" | "POST" | "PUT" | "PATCH",
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<T> {
    const { data, error } = await functions.invoke<T>(`admin/${path}`, {
      method,
      headers: { ...headers, Authorization: `Bearer ${await tokenOf(sessionToken)}` },
      ...(body === undefined ? {} : { body: body as Record<string, unknown> }),
    });
    if (!error) return data as T;
    const answer = (error as { context?: unknown }).context;
    const problem = answer instanceof Response
      ? await answer.json().catch(() => null) as ConstructorParameters<typeof TrakitProblem>[0] | null
      : null;
    throw problem && typeof problem.code === "string" ? new TrakitProblem(problem) : error;
  }
  const part = encodeURIComponent;
  return {
    shop: () => call("GET", "shop"),
    changeShop: (change) => call("PATCH", "shop", change),
    destinations: () => call("GET", "destinations"),
    destination: (platform) => call("GET", `destinations/${part(platform)}`),
    changeDestination: (platform, change, version) =>
      call(
        "PUT",
        `destinations/${part(platform)}`,
        change,
        version === undefined ? {} : { "if-match": `"${version}"` },
      ),
    sendTestEvent: (platform, event = {}) => call("POST", `destinations/${part(platform)}/test`, event),
    connect: (platform) => call("POST", `destinations/${part(platform)}/connect`, {}),
    setup: () => call("GET", "setup"),
    order: (order) => call("GET", `orders/${part(order)}`),
    health: () => call("GET", "health"),
    replay: (request) => call("POST", "replay", request),
    privacy: () => call("GET", "privacy"),
    privacyExport: (id, after) =>
      call("GET", `privacy/${part(id)}/export${after === undefined ? "" : `?after=${part(after)}`}`),
    token: () => call("POST", "token"),
  };
}

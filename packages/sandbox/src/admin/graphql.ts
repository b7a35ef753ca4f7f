/**
 * Shopify's Admin GraphQL as far as an app like TrakIt asks it: a handful of root fields, answered with their cost out of a
 * leaky bucket (reference: shopify §6). Which fields a query names decides; it is no GraphQL engine.
 */
import { z } from "zod";
import { graphqlOrder, orderLines } from "./graphql-order.ts";

const MAXIMUM = 2_000;
const RESTORE = 100;

export interface AdminOrder {
  id: string;
  updatedAt: string;
  /** The order as its webhook's body tells it. */
  body: Record<string, unknown>;
}

export interface AdminCustomer {
  numberOfOrders: string;
  amountSpent: { amount: string; currencyCode: string };
  lastOrder: { id: string; processedAt: string } | null;
  firstName?: string | null;
  lastName?: string | null;
  defaultEmailAddress?: { emailAddress: string } | null;
  defaultPhoneNumber?: { phoneNumber: string } | null;
}

/** What the shop holds, asked anew each time. */
export interface AdminData {
  country: string;
  /** Of the primary domain. */
  host: string;
  scopes: () => string[];
  orders: () => AdminOrder[];
  customer: (id: string) => AdminCustomer | null;
  /** Fields without approval come back null with an entry in errors (reference: shopify §2.4). */
  approved: () => boolean;
}

export interface GraphqlShop {
  /** Body of the answer; HTTP status is 200 whatever it says. */
  answer(query: string, variables: Record<string, unknown>): Record<string, unknown>;
  pixel(): { id: string; settings: string } | null;
  forgetPixel(): void;
}

/** What the known queries ask with. A variable of another type is refused, as by Shopify's own types. */
const variablesSchema = z.object({
  id: z.string().default(""),
  ids: z.array(z.string()).default([]),
  first: z.number().int().min(1).max(250).default(50),
  after: z.string().regex(/^\d+$/).nullish(),
  query: z.string().nullish(),
  settings: z.unknown().optional(),
});
type Variables = z.output<typeof variablesSchema>;

const denied = (field: string) => ({
  message: `Access denied for ${field} field.`,
  path: [field],
  extensions: { code: "ACCESS_DENIED" },
});

export function graphqlShop(
  data: AdminData,
  options: { now: () => number; nextId: () => string },
): GraphqlShop {
  let pixel: { id: string; settings: string } | null = null;
  let available = MAXIMUM;
  let since = options.now();

  function pay(requested: number): { paid: boolean; cost: Record<string, unknown> } {
    available = Math.min(MAXIMUM, available + ((options.now() - since) / 1000) * RESTORE);
    since = options.now();
    const paid = requested <= available;
    if (paid) available -= requested;
    return {
      paid,
      cost: {
        requestedQueryCost: requested,
        actualQueryCost: paid ? requested : null,
        throttleStatus: {
          maximumAvailable: MAXIMUM,
          currentlyAvailable: Math.floor(available),
          restoreRate: RESTORE,
        },
      },
    };
  }

  function settingsProblem(settings: string): string | null {
    try {
      const parsed = JSON.parse(settings) as Record<string, unknown>;
      const names = Object.keys(parsed).sort().join();
      // validated against shopify.extension.toml
      return names === "endpoint,key" &&
          Object.values(parsed).every((one) => typeof one === "string" && one.length >= 8)
        ? null
        : "INVALID_SETTINGS";
    } catch {
      return "INVALID_CONFIGURATION_JSON";
    }
  }

  function setPixel(field: string, id: string | null, given: unknown): Record<string, unknown> {
    const scopes = data.scopes();
    if (!scopes.includes("write_pixels") || !scopes.includes("read_customer_events")) {
      return { data: { [field]: null }, errors: [denied(field)] };
    }
    const settings = typeof given === "string" ? given : "";
    const code = field === "webPixelCreate" && pixel
      ? "TAKEN"
      : field === "webPixelUpdate" && pixel?.id !== id
      ? "NOT_FOUND"
      : settingsProblem(settings);
    if (code !== null) {
      const userErrors = [{ code, field: ["webPixel"], message: code }];
      return { data: { [field]: { webPixel: null, userErrors } } };
    }
    pixel = { id: pixel?.id ?? `gid://shopify/WebPixel/${options.nextId()}`, settings };
    return { data: { [field]: { webPixel: pixel, userErrors: [] } } };
  }

  function orders({ query, first, after: cursor }: Variables): Record<string, unknown> {
    const since = /updated_at:>='?([^'\s]+)'?/.exec(query ?? "")?.[1];
    const until = /updated_at:<='?([^'\s]+)'?/.exec(query ?? "")?.[1];
    const after = Number(cursor ?? 0);
    const ids = [...(query ?? "").matchAll(/(?:^| )id:(\d+)/g)].map(([, id]) => id);
    const all = data.orders()
      .filter((order) =>
        (ids.length === 0 || ids.includes(order.id)) &&
        (since === undefined || Date.parse(order.updatedAt) >= Date.parse(since)) &&
        (until === undefined || Date.parse(order.updatedAt) <= Date.parse(until))
      )
      .sort((a, b) => Date.parse(a.updatedAt) - Date.parse(b.updatedAt));
    const page = all.slice(after, after + first);
    return {
      data: {
        orders: {
          nodes: page.map((order) => graphqlOrder(order.body, data.approved())),
          pageInfo: { hasNextPage: after + first < all.length, endCursor: String(after + page.length) },
        },
      },
    };
  }

  return {
    answer(query, given) {
      const field = /\{\s*(webPixelCreate|webPixelUpdate|webPixel|shop|customer|nodes|orders|order)\b/.exec(
        query,
      )?.[1];
      const parsed = variablesSchema.safeParse(given);
      if (!parsed.success) {
        const name = String(parsed.error.issues[0]?.path[0]);
        const message = `Variable $${name} was provided invalid value`;
        return { errors: [{ message, extensions: { code: "INVALID_VARIABLE" } }] };
      }
      const variables = parsed.data;
      const requested = field === "orders"
        ? 2 + variables.first
        : field === "nodes"
        ? 5 * variables.ids.length
        : field === "order"
        ? 12
        : field?.startsWith("webPixel")
        ? 10
        : 2;
      const { paid, cost } = pay(requested);
      if (!paid) {
        return {
          errors: [{ message: "Throttled", extensions: { code: "THROTTLED" } }],
          extensions: { cost },
        };
      }
      const body = ((): Record<string, unknown> => {
        switch (field) {
          case "shop":
            return {
              data: {
                shop: { billingAddress: { countryCodeV2: data.country }, primaryDomain: { host: data.host } },
              },
            };
          case "webPixel":
            return pixel ? { data: { webPixel: pixel } } : {
              data: { webPixel: null },
              errors: [{
                message: "No web pixel was found for this app.",
                extensions: { code: "RESOURCE_NOT_FOUND" },
              }],
            };
          case "webPixelCreate":
            return setPixel(field, null, variables.settings);
          case "webPixelUpdate":
            return setPixel(field, variables.id, variables.settings);
          case "customer": {
            const found = data.customer(variables.id.split("/").at(-1) ?? "");
            return data.approved()
              ? { data: { customer: found } }
              : { data: { customer: null }, errors: [denied("customer")] };
          }
          case "nodes": {
            const { ids } = variables;
            // Shopify takes at most 250 at a time
            if (ids.length > 250) {
              return { errors: [{ message: "Too many ids", extensions: { code: "MAX" } }] };
            }
            const nodes = ids.map((id) => {
              const legacyResourceId = id.split("/").at(-1) ?? "";
              const found = data.customer(legacyResourceId);
              return found && { legacyResourceId, ...found };
            });
            return data.approved() && data.scopes().includes("read_customers")
              ? { data: { nodes } }
              : { data: { nodes: ids.map(() => null) }, errors: [denied("nodes")] };
          }
          case "order": {
            const id = variables.id.split("/").at(-1);
            const found = data.orders().find((one) => one.id === id);
            const lineItems = found && orderLines(found.body, 250, Number(variables.after ?? 0));
            return { data: { order: lineItems ? { lineItems } : null } };
          }
          case "orders":
            return data.scopes().includes("read_orders")
              ? orders(variables)
              : { data: { orders: null }, errors: [denied("orders")] };
          default:
            return { errors: [{ message: "Field doesn't exist", extensions: { code: "undefinedField" } }] };
        }
      })();
      return { ...body, extensions: { cost } };
    },
    pixel: () => pixel,
    forgetPixel() {
      pixel = null;
    },
  };
}

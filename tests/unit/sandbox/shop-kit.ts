/** Shared by the demo shop's tests: a recording app, a shop on a free port, a tiny cookie jar. */
import { Buffer } from "node:buffer";
import { createServer } from "node:http";
import type { IncomingHttpHeaders } from "node:http";
import { startDemoShop } from "@trakit/sandbox/shop/demo-shop.ts";
import type { DemoShop, DemoShopOptions } from "@trakit/sandbox/shop/demo-shop.ts";

export const SECRET = "trakit_demo_secret_5f2c9b7e41d84a06";

export interface Seen {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface AppAnswer {
  status: number;
  headers?: Record<string, string | string[]>;
  body?: string;
  /** Never answer. */
  hang?: boolean;
}

export interface Stage {
  shop: DemoShop;
  seen: Seen[];
  /** Requests to /webhooks alone, of topics that begin so. */
  webhooks(topic?: string): Seen[];
  close(): Promise<void>;
}

/** A shop in front of an app that answers with `answer` and records what it got. */
export async function stage(
  answer: (request: Seen) => AppAnswer = () => ({ status: 200 }),
  options: Partial<DemoShopOptions> = {},
): Promise<Stage> {
  const seen: Seen[] = [];
  const app = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const entry = {
        method: request.method ?? "",
        url: request.url ?? "",
        headers: request.headers,
        body: Buffer.concat(chunks),
      };
      seen.push(entry);
      const reply = answer(entry);
      if (reply.hang === true) return;
      response.writeHead(reply.status, reply.headers ?? {});
      response.end(reply.body ?? "");
    });
  });
  const port = await new Promise<number>((resolve) => {
    app.listen(0, "127.0.0.1", () => resolve((app.address() as { port: number }).port));
  });
  const shop = await startDemoShop({
    port: 0,
    apiSecret: SECRET,
    apiUrl: `http://127.0.0.1:${port}/functions/v1`,
    sandboxUrl: "http://127.0.0.1:54330",
    ...options,
  });
  return {
    shop,
    seen,
    webhooks: (topic = "") =>
      seen.filter((entry) =>
        entry.url.startsWith("/functions/v1/webhooks") &&
        String(entry.headers["x-shopify-topic"]).startsWith(topic)
      ),
    async close() {
      await shop.close();
      app.closeAllConnections();
      await new Promise((resolve) => app.close(resolve));
    },
  };
}

export interface AjaxCart {
  token: string;
  note: string | null;
  attributes: Record<string, string>;
  item_count: number;
  total_price: number;
  items: { quantity: number; sku: string }[];
}

/** A visitor who keeps cookies and follows no redirect by itself. */
export class Visitor {
  readonly cookies = new Map<string, string>();
  readonly base: string;

  constructor(base: string) {
    this.base = base;
  }

  async request(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.cookies.size > 0) {
      headers.set("cookie", [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; "));
    }
    const answer = await fetch(this.base + path, { redirect: "manual", ...init, headers });
    for (const line of answer.headers.getSetCookie()) {
      const [pair = "", ...flags] = line.split("; ");
      const at = pair.indexOf("=");
      if (flags.includes("Max-Age=0")) this.cookies.delete(pair.slice(0, at));
      else this.cookies.set(pair.slice(0, at), pair.slice(at + 1));
    }
    return answer;
  }

  async text(path: string, init?: RequestInit): Promise<string> {
    return await (await this.request(path, init)).text();
  }

  /** The Ajax cart. */
  async cart(): Promise<AjaxCart> {
    return await (await this.request("/cart.js")).json() as AjaxCart;
  }

  json(path: string, body: unknown): Promise<Response> {
    return this.request(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  }

  form(path: string, fields: Record<string, string>): Promise<Response> {
    return this.request(path, { method: "POST", body: new URLSearchParams(fields) });
  }
}

/** The page data the server hands to the theme's scripts. */
export function pageData(
  page: string,
): { page_view: boolean; events: { name: string; data: unknown; key?: string }[] } {
  const block = /<script type="application\/json" id="shop-data">(.*?)<\/script>/s.exec(page);
  return JSON.parse(block?.[1] ?? "null");
}

export async function placeOrder(base: string, body: Record<string, unknown>): Promise<{
  order_id: string;
  order_name: string;
  checkout_token: string | null;
  event_id: string;
  webhooks: { webhook_id: string; topic: string }[];
}> {
  const answer = await fetch(`${base}/_admin/orders`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (answer.status !== 201) throw new Error(await answer.text());
  return await answer.json() as never;
}

/** The fields of the checkout form as a browser would post them. */
export function checkoutFields(page: string): Record<string, string> {
  const form = /<form class="split checkout".*?<\/form>/s.exec(page)?.[0] ?? "";
  const fields: Record<string, string> = {};
  const decode = (text: string) =>
    text.replace(
      /&(amp|lt|gt|quot|#39);/g,
      (_, name: string) => ({ amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" })[name] ?? "",
    );
  for (const [tag] of form.matchAll(/<input[^>]*>/g)) {
    const name = /name="([^"]*)"/.exec(tag)?.[1];
    if (name === undefined || /type="checkbox"/.test(tag)) continue;
    fields[name] = decode(/value="([^"]*)"/.exec(tag)?.[1] ?? "");
  }
  for (const [, name, options] of form.matchAll(/<select\s+name="([^"]*)"[^>]*>(.*?)<\/select>/gs)) {
    fields[name!] = /<option value="([^"]*)" selected/.exec(options!)?.[1] ?? "";
  }
  return fields;
}

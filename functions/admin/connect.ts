import type { Context } from "hono";
import {
  completeConnecting,
  CONNECT_SECONDS,
  openConnecting,
} from "@trakit/pipeline/merchant/connections.ts";
import { problem } from "@trakit/runtime/problem.ts";
import type { AdminDependencies } from "./dependencies.ts";

/**
 * The two addresses of a connection that a browser opens by itself, without a session token: the way to the platform and the
 * way back. What proves them is the state, which only a merchant's session could begin, and on the way back the cookie.
 */

const COOKIE = /^[A-Za-z0-9_-]{43}$/;

/** `GET /admin/connect/<platform>?state=…`: 302 to the platform, with a cookie for this browser alone. */
export async function openConnect(deps: AdminDependencies, context: Context): Promise<Response> {
  const platform = context.req.param("platform") ?? "";
  const [state, ...more] = new URL(context.req.url).searchParams.getAll("state");
  const opened = state && more.length === 0 ? await openConnecting(deps, platform, state) : null;
  if (!opened?.ok) return badConnection(deps);
  return redirect(opened.url, cookieOf(deps, platform, opened.cookie, CONNECT_SECONDS));
}

/**
 * `GET /admin/connect/<platform>/callback`: the registered redirect address. 302 to the app's page with what came of it. An
 * answer that belongs to no connection begun here, or to another browser's, leads nowhere.
 */
export async function connectCallback(deps: AdminDependencies, context: Context): Promise<Response> {
  const platform = context.req.param("platform") ?? "";
  const done = await completeConnecting(
    deps,
    platform,
    new URL(context.req.url).searchParams,
    cookieIn(context.req.header("cookie") ?? "", platform),
  );
  if (!done.ok && done.shop === null) return badConnection(deps);
  const page = new URL(deps.adminUrl);
  page.searchParams.set("shop", done.shop);
  page.searchParams.set("platform", platform);
  page.searchParams.set("connect", done.ok ? "connected" : done.trouble);
  return redirect(page.href, cookieOf(deps, platform, "", 0));
}

function badConnection(deps: AdminDependencies): Response {
  deps.log.warn("connection_refused", {});
  return problem({
    code: "bad_connection",
    status: 400,
    title: "This is not the answer of a connection begun in this browser.",
    detail: "Open the app from the shop's admin and connect again.",
  });
}

function redirect(location: string, cookie: string): Response {
  return new Response(null, {
    status: 302,
    headers: {
      location,
      "set-cookie": cookie,
      "cache-control": "no-store",
      // neither address is to be told to who comes next
      "referrer-policy": "no-referrer",
    },
  });
}

function cookieOf(deps: AdminDependencies, platform: string, value: string, seconds: number): string {
  const base = new URL(deps.appUrl);
  const path = `${base.pathname.replace(/\/$/, "")}/admin/connect/${platform}`;
  const secure = base.protocol === "https:" ? "; Secure" : "";
  // lax: the platform's redirect is a navigation, which brings it; nothing else from elsewhere does
  return `trakit_connect=${value}; Path=${path}; Max-Age=${seconds}; HttpOnly; SameSite=Lax${secure}`;
}

function cookieIn(header: string, platform: string): string | null {
  if (!/^[a-z][a-z0-9_]{1,30}$/.test(platform)) return null;
  const found = header.split(";").map((part) => part.trim()).filter((part) =>
    part.startsWith("trakit_connect=")
  );
  const value = found.length === 1 ? found[0]!.slice("trakit_connect=".length) : "";
  return COOKIE.test(value) ? value : null;
}

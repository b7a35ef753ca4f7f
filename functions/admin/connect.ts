import type { Context } from "hono";
import { setCookie } from "hono/cookie";
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

const CONNECT_COOKIE = "trakit_connect";
const COOKIE = /^[A-Za-z0-9_-]{43}$/;

/** `GET /admin/connect/<platform>?state=…`: 302 to the platform, with a cookie for this browser alone. */
export async function openConnect(deps: AdminDependencies, context: Context): Promise<Response> {
  const platform = context.req.param("platform") ?? "";
  const [state, ...more] = new URL(context.req.url).searchParams.getAll("state");
  const opened = state && more.length === 0 ? await openConnecting(deps, platform, state) : null;
  if (!opened?.ok) return badConnection(deps);
  giveCookie(deps, context, platform, opened.cookie, CONNECT_SECONDS);
  return redirect(context, opened.url);
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
  giveCookie(deps, context, platform, "", 0);
  return redirect(context, page.href);
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

function redirect(context: Context, location: string): Response {
  context.header("cache-control", "no-store");
  // neither address is to be told to who comes next
  context.header("referrer-policy", "no-referrer");
  return context.redirect(location);
}

function giveCookie(
  deps: AdminDependencies,
  context: Context,
  platform: string,
  value: string,
  seconds: number,
): void {
  const base = new URL(deps.appUrl);
  setCookie(context, CONNECT_COOKIE, value, {
    path: `${base.pathname.replace(/\/$/, "")}/admin/connect/${platform}`,
    maxAge: seconds,
    httpOnly: true,
    // lax: the platform's redirect is a navigation, which brings it; nothing else from elsewhere does
    sameSite: "Lax",
    secure: base.protocol === "https:",
  });
}

/** Null also where it is there twice: another page of the host may have set the second, and Hono would take the first. */
function cookieIn(header: string, platform: string): string | null {
  if (!/^[a-z][a-z0-9_]{1,30}$/.test(platform)) return null;
  const found = header.split(";").map((part) => part.trim()).filter((part) =>
    part.startsWith(`${CONNECT_COOKIE}=`)
  );
  const value = found.length === 1 ? found[0]!.slice(CONNECT_COOKIE.length + 1) : "";
  return COOKIE.test(value) ? value : null;
}

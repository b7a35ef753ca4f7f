/**
 * Cloudflare Worker for the merchant's own zone: routes a path of the shop's domain to TrakIt, so that the cookies it sets are
 * the shop's own for every browser. Settings and route: README.md beside this file.
 *
 * TrakIt believes the visitor's address, host and cookies because they are signed here; without that anybody could name any.
 * Only cookies TrakIt reads are passed on: the shop's session is none of its business.
 */
const PLACE = /\/(event|session|[a-z-]{1,40}\.js)$/;
const COOKIE = /^(?:_tk_[vc]|_fb[pc]|_ttp|_epik|_scid|_ga|_ga_[A-Za-z0-9]+)$/;
const PASSED = ["accept-language", "content-type", "if-none-match", "origin", "user-agent"];

const utf8 = (text) => new TextEncoder().encode(text);
const hex = (bytes) => [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const base64url = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+", "-").replaceAll("/", "_").replace(
    /=+$/,
    "",
  );

async function signature(secret, parts) {
  const key = await crypto.subtle.importKey("raw", utf8(secret), { name: "HMAC", hash: "SHA-256" }, false, [
    "sign",
  ]);
  return base64url(await crypto.subtle.sign("HMAC", key, utf8(["trakit/forward/1", ...parts].join("\n"))));
}

export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    const place = PLACE.exec(url.pathname)?.[1];
    // a route wider than TrakIt's path: the shop answers as it would have
    if (!place) return fetch(request);
    const headers = new Headers();
    for (const name of PASSED) {
      const value = request.headers.get(name);
      if (value !== null) headers.set(name, value);
    }
    const cookie = (request.headers.get("cookie") ?? "").split(/; */)
      .filter((pair) => COOKIE.test(pair.slice(0, pair.indexOf("=")))).join("; ");
    if (cookie) headers.set("cookie", cookie);
    const time = String(Math.floor(Date.now() / 1000));
    const ip = request.headers.get("cf-connecting-ip") ?? "";
    headers.set("x-trakit-time", time);
    headers.set("x-trakit-ip", ip);
    headers.set("x-trakit-host", url.hostname);
    const cookies = hex(await crypto.subtle.digest("SHA-256", utf8(cookie)));
    headers.set(
      "x-trakit-signature",
      await signature(env.TRAKIT_FORWARDER_SECRET, [request.method, place, time, ip, url.hostname, cookies]),
    );
    const target = new URL(`${env.TRAKIT_PROXY_URL}/${place}`);
    target.searchParams.set("key", env.TRAKIT_PUBLIC_KEY);
    for (const [name, value] of url.searchParams) {
      if (name === "forceFunctionRegion") target.searchParams.set(name, value);
    }
    // the answer as it is: Set-Cookie, CORS and Retry-After are TrakIt's
    return fetch(target, { method: request.method, headers, body: request.body, redirect: "manual" });
  },
};

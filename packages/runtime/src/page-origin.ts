/** What the app's page may send: a session token, and JSON. */
const HEADERS = "authorization, content-type";
const METHODS = "GET, POST, PUT, PATCH, DELETE";

/**
 * CORS for one page: the app's own, which stands on another origin than the functions. Any other origin gets no permission,
 * so a browser shows its page nothing. No cookies are taken, so there is nothing a foreign page could ride on.
 */
export function forPage(
  pageUrl: string,
  handle: (request: Request) => Promise<Response>,
): (request: Request) => Promise<Response> {
  const { origin } = new URL(pageUrl);
  return async (request) => {
    const allowed = request.headers.get("origin") === origin;
    if (request.method === "OPTIONS" && request.headers.has("access-control-request-method")) {
      const headers = new Headers({ vary: "origin" });
      if (allowed) {
        headers.set("access-control-allow-origin", origin);
        headers.set("access-control-allow-headers", HEADERS);
        headers.set("access-control-allow-methods", METHODS);
        headers.set("access-control-max-age", "600");
      }
      return new Response(null, { status: 204, headers });
    }
    const response = await handle(request);
    response.headers.append("vary", "origin");
    if (allowed) {
      response.headers.set("access-control-allow-origin", origin);
      response.headers.set(
        "access-control-expose-headers",
        "x-shopify-retry-invalid-session-request, retry-after",
      );
    }
    return response;
  };
}

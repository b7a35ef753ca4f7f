/** RFC 9457 problem documents: the only form our HTTP errors take. */

export interface Problem {
  /** Stable snake_case code; also the end of `type`. */
  code: string;
  status: number;
  /** One sentence for people, the same for every occurrence. */
  title: string;
  /** What was wrong this time and what to do. */
  detail?: string;
  /** Paths and codes a schema refused. */
  issues?: string[];
  headers?: Record<string, string>;
}

/** Builds the answer. `type` is a relative reference into the HTTP API's documentation. */
export function problem(options: Problem): Response {
  const { code, status, title, detail, issues, headers } = options;
  return new Response(
    JSON.stringify({
      type: `/docs/http-api.md#${code}`,
      title,
      status,
      code,
      ...(detail ? { detail } : {}),
      ...(issues ? { issues } : {}),
    }),
    {
      status,
      headers: {
        "content-type": "application/problem+json",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        ...headers,
      },
    },
  );
}

/** 405 with the methods that are allowed; OPTIONS is answered instead of refused. */
export function methodNotAllowed(request: Request, allowed: string[]): Response {
  const allow = [...allowed, "OPTIONS"].join(", ");
  if (request.method === "OPTIONS") return new Response(null, { status: 204, headers: { allow } });
  return problem({
    code: "method_not_allowed",
    status: 405,
    title: "This address does not take that method.",
    detail: `Use ${allowed.join(" or ")}.`,
    headers: { allow },
  });
}

/** 404 where no shop, order or route is meant to be told apart. */
export function notFound(): Response {
  return problem({ code: "not_found", status: 404, title: "There is nothing at this address." });
}

/** 503: the sender should repeat. Shopify does. */
export function unavailable(): Response {
  return problem({
    code: "database_unavailable",
    status: 503,
    title: "TrakIt cannot store anything at the moment.",
    detail: "Nothing was kept. Send it again.",
    headers: { "retry-after": "5" },
  });
}

/** 200-class JSON answer, never cached. */
export function json(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: {
      "content-type": "application/json; charset=utf-8",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      ...headers,
    },
  });
}

import { describe, expect, test } from "vitest";
import { z } from "zod";
import { destination, PLATFORMS } from "@trakit/destinations/registry.ts";
import { connect } from "@trakit/db/connection.ts";
import { drainKey } from "@trakit/runtime/operator-key.ts";
import { type HealthDependencies, healthHandler } from "../../functions/health/handler.ts";
import { absentDatabase, pipelineKit } from "../support/pipeline.ts";

const kit = await pipelineKit();
const OPERATOR = "the-operator-key-of-the-tests-0001";

async function get(path: string, change: Partial<HealthDependencies> = {}, method = "GET") {
  const handle = healthHandler({
    db: kit.deps().db,
    version: "9.9.9",
    runtime: "deno 2.1.14",
    operatorKey: OPERATOR,
    log: kit.deps().log,
    ...change,
  });
  const response = await handle(new Request(`http://edge.test${path}`, { method }));
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: (text === "" ? {} : JSON.parse(text)) as Record<string, unknown>,
  };
}

describe("GET /health", () => {
  test.each(["/health", "/health/"])("%s is 200 with version, queue and platforms", async (path) => {
    const { status, body } = await get(path);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      status: "ok",
      database: "ok",
      version: "9.9.9",
      runtime: "deno 2.1.14",
      queue: { pending: 0, due: 0, oldest_due_seconds: 0 },
    });
    expect(Object.keys(body.platforms as object).sort()).toEqual([...PLATFORMS].sort());
  });

  test("asked by many at once is looked up once: nobody floods the database through it", async () => {
    let statements = 0;
    const { db } = kit.deps();
    const counting = {
      ...db,
      rows: ((text: string, values: unknown[]) => {
        statements++;
        return db.rows(text, values);
      }) as never,
    };
    const handle = healthHandler({
      db: counting,
      version: "9.9.9",
      runtime: "deno 2.1.14",
      operatorKey: OPERATOR,
      log: kit.deps().log,
    });
    const ask = () => handle(new Request("http://edge.test/health"));
    const answers = await Promise.all(Array.from({ length: 50 }, ask));
    expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(200));
    const once = statements;
    expect(once).toBeLessThanOrEqual(3);
    await ask();
    expect(statements).toBe(2 * once);
  });

  test("is 503 while the database is out of reach, and still says who answers", async () => {
    const db = absentDatabase();
    try {
      const { status, body } = await get("/health", { db });
      expect(status).toBe(503);
      expect(body).toMatchObject({
        status: "unavailable",
        database: "unavailable",
        queue: null,
        version: "9.9.9",
      });
    } finally {
      await db.close();
    }
  });

  test("is 503 where the role bypasses row level security: events would not be stored as it", async () => {
    const db = connect({ url: kit.database.url("postgres"), max: 1, boundByRls: true });
    try {
      expect((await get("/health", { db })).status).toBe(503);
    } finally {
      await db.close();
    }
  });
});

test("an unknown address is 404, another method 405", async () => {
  expect(await get("/health/nothing")).toMatchObject({ status: 404, body: { code: "not_found" } });
  const refused = await get("/health", {}, "POST");
  expect(refused).toMatchObject({ status: 405, body: { code: "method_not_allowed" } });
  expect(refused.headers.get("allow")).toContain("GET");
});

describe("the OpenAPI document", () => {
  test("is 3.1, names every route of the functions, and each reference in it leads somewhere", async () => {
    const { status, body } = await get("/health/openapi.json");
    expect(status).toBe(200);
    expect(body.openapi).toMatch(/^3\.1\./);
    const paths = Object.keys(body.paths as object);
    for (const path of ["/webhooks", "/proxy/event", "/drain", "/health"]) expect(paths).toContain(path);
    const references = [...JSON.stringify(body).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1]!);
    expect(references.length).toBeGreaterThan(0);
    for (const reference of references) {
      const found = reference.replace(/^#\//, "").split("/")
        .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], body);
      expect(found, reference).toBeDefined();
    }
  });

  test("names every setting of every platform", async () => {
    const { body } = await get("/health/openapi.json");
    const text = JSON.stringify(body);
    for (const platform of PLATFORMS) {
      const { properties } = z.toJSONSchema(destination(platform)!.settings, { io: "input" });
      const secrets = Object.keys(destination(platform)!.secrets ?? {});
      for (const name of [...Object.keys(properties!), ...secrets]) {
        expect(text, platform).toMatch(new RegExp(`\\b${name}\\b`));
      }
    }
  });
});

describe("GET /health/metrics", () => {
  const metrics = async (key: string | null) => {
    const { db, log } = kit.deps();
    const handle = healthHandler({ db, log, version: "9.9.9", runtime: "", operatorKey: OPERATOR });
    const response = await handle(
      new Request("http://edge.test/health/metrics", { headers: key === null ? {} : { authorization: key } }),
    );
    return {
      status: response.status,
      type: response.headers.get("content-type"),
      text: await response.text(),
    };
  };

  test.each([null, "Bearer wrong", `Bearer ${OPERATOR}x`, `Bearer ${drainKey(OPERATOR)}`])(
    "is closed to %j",
    async (key) => {
      expect((await metrics(key)).status).toBe(401);
    },
  );

  test("is Prometheus' text format, and names no shop", async () => {
    const shop = await kit.shop();
    await kit.database.query("trakit_edge", "select trakit.check_in(gen_random_uuid(), 'worker')");
    await kit.database.query(
      "postgres",
      "update trakit.lanes set state = 'held', reason = 'token_refused', expired = 3 where destination_id = " +
        "(select id from trakit.destinations where shop_id = $1 and platform = 'meta')",
      [shop.id],
    );
    const { status, type, text } = await metrics(`Bearer ${OPERATOR}`);
    expect(status).toBe(200);
    expect(type).toBe("text/plain; version=0.0.4; charset=utf-8");
    for (const line of text.trimEnd().split("\n")) {
      expect(line).toMatch(
        /^(# (HELP|TYPE) trakit_[a-z_]+ .+|trakit_[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9.e+-]+)$/,
      );
    }
    expect(text).toContain('trakit_lanes{platform="meta",state="held"} 1\n');
    expect(text).toContain('trakit_deliveries_expired_total{platform="meta"} 3\n');
    expect(text).toContain("# TYPE trakit_deliveries_expired_total counter\n");
    expect(text).toContain("trakit_workers 1\n");
    expect(text).toContain("trakit_queue_resolution_seconds 1\n");
    expect(text).not.toContain(shop.domain);
    expect(text).not.toContain(shop.id);
  });
});

import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, expectTypeOf, test } from "vitest";
import { call, callRows, json } from "@trakit/db/call.ts";
import type { Database } from "@trakit/db/connection.ts";

const ROOT = join(import.meta.dirname, "../../..");
const CALLS = "packages/db/src/calls";

/** A file's code, without what its comments say. */
function code(file: string): string {
  return readFileSync(join(ROOT, file), "utf8").replace(/\/\*[\s\S]*?\*\/|(^|[^:"'`])\/\/[^\n]*/g, "$1");
}

/** SQL functions that are called, by name in the order they stand. */
function called(source: string): string[] {
  return [...source.matchAll(/\bcall(?:Rows)?\(\s*[\w.]+,\s*"([^"]+)"/g)].map(([, name]) => name!);
}

describe("one file per SQL function", () => {
  const files = globSync(`${CALLS}/*.ts`, { cwd: ROOT }).map((file) => file.replaceAll("\\", "/"));

  test.each(files)("%s calls the function it is named for, and exports it by that name", (file) => {
    const source = code(file);
    const sql = basename(file, ".ts").replaceAll("-", "_");
    expect(called(source).map((name) => name.replace(/^(trakit|api)\./, ""))).toEqual([sql]);
    const camel = sql.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
    expect(source).toMatch(new RegExp(`export async function ${camel}\\(`));
    expect(source).not.toMatch(/\.rows\b/);
  });

  test("nobody else calls one", () => {
    const elsewhere = globSync(["packages/*/src/**/*.ts", "functions/**/*.ts"], { cwd: ROOT })
      .map((file) => file.replaceAll("\\", "/"))
      // the storefront's `trakit.…` is the browser's object
      .filter((file) =>
        ![`${CALLS}/`, "packages/tooling/", "packages/storefront/"].some((at) => file.startsWith(at))
      );
    expect(elsewhere.length).toBeGreaterThan(100);
    // pg_cron is told once what to run, by the owner: statements of its own, not ours
    const told = "packages/cli/src/stack/schedules.ts";
    const breaking = elsewhere.filter((file) => file !== told).filter((file) => {
      const source = code(file);
      return called(source).length > 0 || /\b(trakit|api)\.[a-z_]+\(/.test(source);
    });
    expect(breaking).toEqual([]);
  });
});

describe("a call", () => {
  /** Answers every statement with the same rows and keeps what was asked. */
  function listening(rows: object[]) {
    const asked: { text: string; values: readonly unknown[] | undefined }[] = [];
    const db: Database = {
      rows: <Row extends object>(text: string, values?: readonly unknown[]) => {
        asked.push({ text, values });
        return Promise.resolve(rows as Row[]);
      },
      close: () => Promise.resolve(),
    };
    return { db, asked };
  }

  test("is one statement that names its arguments, and leaves to SQL what is not given", async () => {
    const { db, asked } = listening([{ result: null }]);
    await call(db, "trakit.check_in", { p_worker_id: "w", p_kind: "worker", p_now: undefined });
    expect(asked).toEqual([
      { text: "select trakit.check_in(p_worker_id => $1, p_kind => $2) as result", values: ["w", "worker"] },
    ]);
  });

  test("of a set gives its rows as JSON has them", async () => {
    const { db, asked } = listening([{ result: { id: "a", domain: "b", status: "c", created_at: "d" } }]);
    const shops = await callRows(db, "trakit.list_shops", {});
    expect(shops).toEqual([{ id: "a", domain: "b", status: "c", created_at: "d" }]);
    expect(asked[0]!.text).toBe("select to_jsonb(r) as result from trakit.list_shops() r");
  });

  test("is typed by the migrated database", () => {
    const { db } = listening([{ result: 1 }]);
    expectTypeOf(call(db, "trakit.purge", {})).resolves.toEqualTypeOf<unknown>();
    expectTypeOf(call(db, "trakit.distrust_token", { p_shop: "s", p_sealed_access: null })).resolves
      .toEqualTypeOf<boolean>();
    expectTypeOf(callRows(db, "trakit.due_lanes", { p_limit: 1 })).resolves
      .toEqualTypeOf<{ destination_id: string; shop_id: string }[]>();
    // deno-lint-ignore require-await -- only the compiler reads it
    const _refused = async () => {
      // @ts-expect-error a function SQL does not have
      void call(db, "trakit.check_inn", {});
      // @ts-expect-error an argument it does not take
      void call(db, "trakit.check_in", { p_worker_id: "w", p_kind: "worker", p_when: new Date(0) });
      // @ts-expect-error an argument that is missing
      void call(db, "trakit.check_in", { p_worker_id: "w" });
      // @ts-expect-error a number where SQL takes text
      void call(db, "trakit.check_in", { p_worker_id: 1, p_kind: "worker" });
      // @ts-expect-error an object where SQL takes jsonb, which wants json()
      void call(db, "trakit.change_shop", { p_shop: "s", p_settings: {} });
      void call(db, "trakit.change_shop", { p_shop: "s", p_settings: json({}) });
      // @ts-expect-error a set of rows is no value
      void call(db, "trakit.due_lanes", { p_limit: 1 });
      // @ts-expect-error a column SQL does not give
      void callRows(db, "trakit.due_lanes", {}).then((lanes) => lanes[0]?.lane);
    };
  });
});

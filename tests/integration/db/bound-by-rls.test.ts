import { expect, test } from "vitest";
import { checkLogins, roleProblem } from "@trakit/cli/stack/roles.ts";
import { connect } from "@trakit/db/connection.ts";
import { testDatabase } from "../../support/database.ts";

/** Row-level security separates shops: nobody works as a role it does not bind (docs/security.md, "Roles in Postgres"). */
const db = await testDatabase();

test("migrate and doctor refuse a login that row-level security does not bind, and name the setting", async () => {
  for (const setting of ["TRAKIT_DB_URL", "TRAKIT_DB_SESSION_URL"]) {
    await expect(checkLogins({ [setting]: db.url("postgres") })).rejects.toMatchObject({
      message: expect.stringContaining(`${setting} must not be used: the role postgres has BYPASSRLS`),
    });
  }
  await checkLogins({ TRAKIT_DB_URL: db.url("trakit_edge"), TRAKIT_DB_SESSION_URL: db.url("trakit_worker") });
  for (const role of ["trakit_edge", "trakit_worker"] as const) {
    const database = connect({ url: db.url(role), max: 1 });
    try {
      expect(await roleProblem(database)).toBeNull();
    } finally {
      await database.close();
    }
  }
});

test("functions and workers run no statement as one", async () => {
  const database = connect({ url: db.url("postgres"), max: 1, boundByRls: true });
  try {
    for (let time = 0; time < 2; time++) {
      await expect(database.rows("select trakit.forget_nothing()")).rejects.toMatchObject({
        name: "DatabaseUnavailable",
        message: expect.stringContaining("bypasses row level security"),
      });
    }
  } finally {
    await database.close();
  }
  const bound = connect({ url: db.url("trakit_edge"), max: 1, boundByRls: true });
  try {
    expect(await bound.rows("select current_user::text as name")).toEqual([{ name: "trakit_edge" }]);
  } finally {
    await bound.close();
  }
});

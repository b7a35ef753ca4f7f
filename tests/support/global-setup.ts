import { createServer, type ServerResponse } from "node:http";
import process from "node:process";
import type { TestProject } from "vitest/node";
import { makeTemplate, type PostgresServer, startPostgres } from "@trakit/tooling/postgres-server.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Where a test file asks for a database server (tests/support/database.ts). */
    testDatabases: string;
  }
}

/**
 * One Postgres for the whole run, started when the first test file asks for it: a run without database tests does not pay.
 * `TRAKIT_TEST_DB_URL` names another server instead: a role that may create roles and databases and bypasses RLS.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  let server: PostgresServer | undefined;
  let started: Promise<string> | undefined;
  const kept: string[] = [];

  async function start(): Promise<string> {
    let url = process.env["TRAKIT_TEST_DB_URL"];
    if (!url) {
      server = await startPostgres();
      url = server.url;
    }
    await makeTemplate(url);
    return url;
  }

  const answer = (response: ServerResponse, status: number, body: unknown) => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  };
  const desk = createServer((request, response) => {
    const [, what, name] = (request.url ?? "").split("/");
    if (what === "kept" && name) {
      kept.push(name);
      answer(response, 200, {});
    } else {
      started ??= start();
      started.then(
        (url) => answer(response, 200, { url }),
        (error: Error) => answer(response, 500, { error: error.message }),
      );
    }
  });
  await new Promise<void>((resolve) => desk.listen(0, "127.0.0.1", resolve));
  const address = desk.address();
  if (typeof address !== "object" || address === null) {
    throw new Error("the desk for test databases has no address");
  }
  project.provide("testDatabases", `http://127.0.0.1:${address.port}`);

  return async () => {
    desk.closeAllConnections();
    await new Promise((resolve) => desk.close(resolve));
    await started?.catch(() => {});
    const folder = await server?.stop(kept.length > 0);
    if (kept.length > 0) {
      process.stderr.write(`Kept for failed tests: ${kept.join(", ")}\n`);
      if (folder) process.stderr.write(`To look: node packages/tooling/src/postgres-process.ts ${folder}\n`);
    }
  };
}

import { it } from "vitest";
import { dataFolder, testStack, until } from "../support/stack.ts";
import { runCli } from "../unit/cli/run-cli.ts";
it("probe", async () => {
  const f = await dataFolder();
  const t0 = Date.now();
  const t = await testStack(f.path);
  console.log("up", Date.now() - t0, t.stack.environment, t.stack.pid("functions"));
  const o = await t.order();
  console.log(o);
  await until(async () => (await t.requests()).length >= 5, "five", 8000).catch((e) =>
    console.log(String(e))
  );
  console.log(JSON.stringify(await t.requests(), null, 1));
  console.log(JSON.stringify(await t.copies(), null, 1));
  console.log(await runCli(["tail", "--once", "--json"], { environment: t.stack.environment }));
  console.log(await t.rows("select * from trakit.deliveries"));
  await t.close();
  await f.remove();
}, 60000);

import { expect, test } from "vitest";
import { knowsSeconds } from "@trakit/cli/stack/schedules.ts";

test.each([["1.4.2", false], ["1.4", false], ["1.5", true], ["1.6.4", true], ["1.10", true], ["2.0", true]])(
  "pg_cron %s knows seconds: %s",
  (version, expected) => {
    expect(knowsSeconds(version)).toBe(expected);
  },
);

import { describe, expect, test } from "vitest";
import { sha256Hex } from "@trakit/core/identity/digest.ts";
import type { BatchOutcome } from "@trakit/core/outcome.ts";
import type { JsonObject } from "@trakit/destinations/destination.ts";
import { meta } from "@trakit/destinations/meta/index.ts";

const DAY = 24 * 60 * 60 * 1000;

describe("what Meta answers", () => {
  function error(code: number, subcode?: number, rest: JsonObject = {}): string {
    return JSON.stringify({
      error: {
        message: "words",
        type: "OAuthException",
        code,
        error_subcode: subcode,
        fbtrace_id: "A1",
        ...rest,
      },
    });
  }
  function read(body: string, status = 400, count = 1, headers: Record<string, string> = {}): BatchOutcome {
    return meta.classify({ status, headers, body }, count);
  }
  function only(result: BatchOutcome) {
    if (result.kind !== "each") throw new Error("split");
    return result.outcomes[0]!;
  }

  test("a request is taken when every event was received", () => {
    const body = JSON.stringify({ events_received: 2, messages: [], fbtrace_id: "A1" });
    expect(read(body, 200, 2)).toMatchObject({
      kind: "each",
      outcomes: [{ kind: "delivered", reason: "accepted" }, { kind: "delivered", reason: "accepted" }],
    });
  });

  test.each([
    [JSON.stringify({ events_received: 1 }), 2],
    [JSON.stringify({ events_received: 0 }), 1],
    ["{}", 1],
    ["", 1],
    ["OK", 1],
  ])("a 2xx with %j for %i events leaves open which were taken", (body, count) => {
    expect(only(read(body, 200, count))).toMatchObject({
      kind: "in_doubt",
      reason: "result_unclear",
      lane_wide: false,
    });
  });

  test.each([
    [1, undefined, "retry", "server_error"],
    [2, undefined, "retry", "server_error"],
    [5000, undefined, "retry", "server_error"],
    [-3, undefined, "retry", "server_error"],
    [4, 1504022, "retry", "throttled"],
    [4, 1504039, "retry", "throttled"],
    [17, 2446079, "retry", "throttled"],
    [32, undefined, "retry", "throttled"],
    [341, undefined, "retry", "throttled"],
    [613, 1487742, "retry", "throttled"],
    [613, 5044001, "retry", "throttled"],
    [613, undefined, "retry", "throttled"],
    [80000, undefined, "retry", "throttled"],
    [80003, undefined, "retry", "throttled"],
    [80004, undefined, "retry", "throttled"],
    [80014, undefined, "retry", "throttled"],
    [368, undefined, "retry", "blocked_by_policy"],
    [21009, undefined, "retry", "account_not_ready"],
    [100, 33, "auth", "account_not_found"],
    [3, undefined, "auth", "not_permitted"],
    [10, undefined, "auth", "not_permitted"],
    [200, undefined, "auth", "not_permitted"],
    [299, undefined, "auth", "not_permitted"],
    [294, undefined, "auth", "not_permitted"],
    [102, undefined, "auth", "token_refused"],
    [190, undefined, "auth", "token_refused"],
    [190, 458, "auth", "token_refused"],
    [190, 459, "auth", "token_refused"],
    [190, 460, "auth", "token_refused"],
    [190, 463, "auth", "token_refused"],
    [104, undefined, "auth", "app_secret_proof_refused"],
  ])("code %i (%s) is %s: %s, for the lane, whatever the HTTP status", (code, subcode, kind, reason) => {
    for (const status of [200, 400, 401, 403, 500]) {
      const result = read(error(code, subcode), status, 3);
      expect(result.kind).toBe("each");
      expect(only(result)).toMatchObject({ kind, reason, status, lane_wide: true });
    }
  });

  test.each([
    [100, 2804003, "too_old"],
    [100, 2804001, "invalid_fbc"],
    [100, 2804009, "no_value"],
    [100, 2804050, "too_little_user_data"],
    [100, 2804007, "invalid_event"],
    [100, 2804016, "invalid_event"],
    [100, 2804017, "invalid_event"],
    [100, 2804019, "invalid_event"],
    [100, 2804048, "invalid_event"],
    [100, undefined, "invalid_event"],
    [1, 99, "invalid_event"],
    [2500, undefined, "request_refused"],
  ])("code %i (%s) refuses one event for good and splits a batch: %s", (code, subcode, reason) => {
    expect(only(read(error(code, subcode)))).toMatchObject({ kind: "permanent", reason, lane_wide: false });
    expect(read(error(code, subcode), 400, 3)).toMatchObject({ kind: "split", outcome: { reason } });
  });

  test("a code in a string counts, an unknown transient error is retried, an unknown one of a server too", () => {
    expect(only(read(JSON.stringify({ error: { code: "190" } }))).reason).toBe("token_refused");
    expect(only(read(error(4711, undefined, { is_transient: true }))).kind).toBe("retry");
    expect(only(read(error(4711), 503)).kind).toBe("retry");
    expect(only(read(JSON.stringify({ error: "odd" }), 400)).kind).toBe("permanent");
  });

  test("a page instead of JSON is a gateway's, whatever its status", () => {
    for (const status of [200, 400, 403, 404, 502]) {
      expect(only(read("<!DOCTYPE html><p>Sorry</p>", status))).toMatchObject({
        kind: "retry",
        lane_wide: true,
      });
    }
  });

  test("the time to regain access is waited for, at most a day", () => {
    const usage = (minutes: unknown) => ({
      "x-business-use-case-usage": JSON.stringify({
        "123": [{ type: "ads_management", estimated_time_to_regain_access: minutes }, { call_count: 100 }],
        "124": [{ estimated_time_to_regain_access: 1 }],
      }),
    });
    expect(only(read(error(80004), 400, 1, usage(12))).retry_after_ms).toBe(12 * 60_000);
    expect(only(read(error(80004), 400, 1, usage(1e9))).retry_after_ms).toBe(DAY);
    expect(only(read(error(80004), 400, 1, usage("soon"))).retry_after_ms).toBe(60_000);
    expect(only(read(error(4), 400, 1, { "x-business-use-case-usage": "{" })).retry_after_ms).toBeNull();
    expect(only(read(error(4), 400, 1, { "retry-after": "90" })).retry_after_ms).toBe(90_000);
    expect(only(read("", 503, 1, { "retry-after": "999999999" })).retry_after_ms).toBe(DAY);
    expect(
      only(read("", 503, 1, {
        "retry-after": "Mon, 23 Nov 2026 10:00:30 GMT",
        "date": "Mon, 23 Nov 2026 10:00:00 GMT",
      })).retry_after_ms,
    ).toBe(30_000);
  });

  test("Meta's words are kept with their code, without the person in them", () => {
    const message = `Invalid parameter em jane.doe@example.com ph +31 6 12345678 ${
      sha256Hex("x")
    } ip 203.0.113.9 ${"x ".repeat(300)}`;
    for (
      const body of [error(100, 2804007, { error_user_msg: message }), error(4711, undefined, { message })]
    ) {
      const { detail } = only(read(body));
      expect(detail).toMatch(/^(100\/2804007|4711): Invalid parameter em/);
      expect(detail!.length).toBeLessThanOrEqual(300);
      expect(detail).not.toMatch(/jane|12345678|203\.0|[0-9a-f]{32}/);
    }
  });
});

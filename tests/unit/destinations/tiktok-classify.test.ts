import { describe, expect, test } from "vitest";
import { sha256Hex } from "@trakit/core/identity/digest.ts";
import type { BatchOutcome } from "@trakit/core/outcome.ts";
import { tiktok } from "@trakit/destinations/tiktok/index.ts";

describe("what TikTok answers", () => {
  function answer(code: number, message = "words"): string {
    return JSON.stringify({ code, message, request_id: "2026112310000001", data: {} });
  }
  function read(body: string, status = 200, count = 1, headers: Record<string, string> = {}): BatchOutcome {
    return tiktok.classify({ status, headers, body }, count);
  }
  function only(result: BatchOutcome) {
    if (result.kind !== "each") throw new Error("split");
    return result.outcomes[0]!;
  }

  test("code 0 takes every event, 20001 too, with TikTok's words", () => {
    expect(read(answer(0, "OK"), 200, 2)).toMatchObject({
      outcomes: [{ kind: "delivered", detail: null }, { kind: "delivered", detail: null }],
    });
    expect(only(read(answer(20001, "Partial success")))).toMatchObject({
      kind: "delivered",
      detail: "20001: Partial success",
    });
  });

  test("code 0 with an error status is no acceptance", () => {
    expect(only(read(answer(0), 500))).toMatchObject({ kind: "retry" });
  });

  test.each([
    [40001, "auth", "not_permitted"],
    [40100, "retry", "throttled"],
    [40102, "auth", "token_refused"],
    [40103, "auth", "token_refused"],
    [40104, "auth", "token_refused"],
    [40105, "auth", "token_refused"],
    [50000, "retry", "server_error"],
    [50002, "retry", "server_error"],
    [51010, "retry", "server_error"],
    [51021, "retry", "throttled"],
  ])("code %i is %s: %s, for the lane, whatever the HTTP status", (code, kind, reason) => {
    for (const status of [200, 400, 401, 500]) {
      const result = read(answer(code), status, 3);
      expect(result.kind).toBe("each");
      expect(only(result)).toMatchObject({ kind, reason, status, lane_wide: true });
    }
  });

  test.each([[40000, "invalid_event"], [40002, "invalid_event"], [40900, "request_refused"], [
    7,
    "request_refused",
  ]])(
    "code %i refuses one event for good and splits a batch: %s",
    (code, reason) => {
      expect(only(read(answer(code)))).toMatchObject({ kind: "permanent", reason, lane_wide: false });
      expect(read(answer(code), 200, 3)).toMatchObject({
        kind: "split",
        outcome: { kind: "permanent", reason },
      });
    },
  );

  test("a 401 that does not say why is not taken for a refused token", () => {
    expect(only(read("", 401))).toMatchObject({ kind: "retry" });
    expect(only(read("<html>", 401))).toMatchObject({ kind: "retry" });
  });

  test("a page is a gateway's, a 2xx that says nothing leaves open what happened", () => {
    for (const status of [200, 403, 502]) expect(only(read("<html>502</html>", status)).kind).toBe("retry");
    for (const body of ["", "{}", "null", '{"code":null}', "OK"]) {
      expect(only(read(body))).toMatchObject({
        kind: "in_doubt",
        reason: "result_unclear",
        lane_wide: false,
      });
    }
    expect(only(read("", 429))).toMatchObject({ kind: "retry", reason: "throttled" });
  });

  test("a limit is waited out: seconds, five minutes, or until midnight UTC", () => {
    const wait = (message: string, headers: Record<string, string> = {}) =>
      only(read(answer(40100, message), 401, 1, headers)).retry_after_ms;
    expect(wait("App reaches the QPS limit")).toBeNull();
    expect(wait("App reaches the QPM limit")).toBe(300_000);
    expect(wait("App reaches the QPD limit")).toBe(3_600_000);
    expect(wait("App reaches the QPD limit", { date: "Mon, 23 Nov 2026 22:30:00 GMT" })).toBe(5_400_000);
    expect(wait("App reaches the QPM limit", { "retry-after": "20" })).toBe(20_000);
  });

  test("TikTok's words are kept with their code, without the person in them", () => {
    const message = `Batch.0.user.email: jane.doe@example.com, phone +31612345678, ${
      sha256Hex("x")
    } is invalid ${"x ".repeat(300)}`;
    const { detail } = only(read(answer(40002, message)));
    expect(detail).toMatch(/^40002: Batch\.0\.user\.email/);
    expect(detail!.length).toBeLessThanOrEqual(300);
    expect(detail).not.toMatch(/jane|612345678|[0-9a-f]{32}/);
    expect(only(read(answer(40002, "Batch.0.properties.contents.0.content_id: Not a valid string"))).detail)
      .toBe(
        "40002: Batch.0.properties.contents.0.content_id: Not a valid string",
      );
  });
});

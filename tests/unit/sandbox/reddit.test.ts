import { describe, expect, it } from "vitest";
import { ask, type Body, NOW } from "./requests.ts";

const spoiled = (spoil: (event: Body) => void) =>
  ask("reddit", { spoil: (body: Body) => spoil(body.data.events[0]) });

describe("what Reddit refuses", () => {
  it.each<[string, (event: Body) => void, string]>([
    ["an unknown field", (event) => event.test_id = "t2_x", "data.events[0].test_id: unknown field"],
    ["a time in seconds", (event) => event.event_at = NOW / 1000, "data.events[0].event_at"],
    ["an event over seven days old", (event) => event.event_at = NOW - 8 * 86_400_000, "within seven days"],
    ["the future", (event) => event.event_at = NOW + 3_600_000, "within seven days"],
    ["no action_source", (event) => delete event.action_source, "data.events[0].action_source: required"],
    ["action_source in small letters", (event) => event.action_source = "website", "action_source"],
    ["a name that is none", (event) => event.type.tracking_type = "Purchase", "tracking_type"],
    ["CUSTOM without a name", (event) => event.type = { tracking_type: "CUSTOM" }, "custom_event_name"],
    ["a value where none belongs", (event) => event.type.tracking_type = "PAGE_VISIT", "metadata.value"],
    ["a value without currency", (event) => delete event.metadata.currency, "metadata.currency: required"],
    ["an email in clear", (event) => event.user.email = "person@example.com", "user.email"],
    ["no match key at all", (event) => (delete event.click_id, event.user = {}), "set of match keys"],
    ["a device at a till", (event) => event.action_source = "PHYSICAL_STORE", "user.ip_address"],
    ["a product without an id", (event) => delete event.metadata.products[0].id, "products[0].id: required"],
  ])("%s", (_, spoil, problem) => {
    const answer = spoiled(spoil);
    expect(answer.status).toBe(400);
    expect(answer.json.error.message).toBe("There were 1 invalid conversion events. None were processed.");
    expect(answer.problems.join("\n")).toContain(problem);
    expect(answer.problems.join("\n")).not.toContain("person@");
  });

  it("more than 1000 events, a default user agent, no token, a refused token", () => {
    const many = ask("reddit", {
      spoil: (body: Body) => body.data.events = Array.from({ length: 1001 }, () => body.data.events[0]),
    });
    expect([many.status, many.json.error.message]).toEqual([400, "Bad Request"]);
    for (const agent of ["node", "undici", "Deno/2.1.4"]) {
      expect(ask("reddit", { headers: { "user-agent": agent } }).status).toBe(429);
    }
    expect(ask("reddit", { headers: { authorization: "" } }).status).toBe(401);
    expect(ask("reddit", { headers: { authorization: "Bearer revoked-token" } }).status).toBe(401);
  });
});

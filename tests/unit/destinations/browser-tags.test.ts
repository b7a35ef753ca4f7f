import { describe, expect, test } from "vitest";
import { destination, PLATFORMS } from "@trakit/destinations/registry.ts";
import { afterTag } from "@trakit/destinations/shared/browser-tags.ts";

const to = (platform: string) => destination(platform)!;
const AT = "2026-11-24T12:00:00.000Z";
const hours = (count: number) => Date.parse(AT) + count * 3_600_000;

describe("our report after the page's own tag", () => {
  test.each([["meta", 48], ["tiktok", 48], ["snapchat", 48], ["reddit", 48], ["pinterest", 1]])(
    "goes to %s within %i hours, and not later",
    (platform, window) => {
      expect(afterTag(to(platform), "checkout_completed", AT, hours(window))).toBeNull();
      expect(afterTag(to(platform), "checkout_completed", AT, hours(window) + 1)).toBe("past_dedup_window");
    },
  );

  test("goes to Google only for what has a transaction id", () => {
    expect(afterTag(to("google"), "checkout_completed", AT, hours(30))).toBeNull();
    expect(afterTag(to("google"), "order_refunded", AT, hours(30))).toBeNull();
    for (const name of ["page_viewed", "product_added_to_cart", "checkout_started"] as const) {
      expect(afterTag(to("google"), name, AT, hours(0))).toBe("sent_by_tag");
    }
  });

  test("goes everywhere where no tag had it", () => {
    for (const platform of PLATFORMS) {
      expect(afterTag(to(platform), "page_viewed", undefined, hours(99))).toBeNull();
    }
  });
});

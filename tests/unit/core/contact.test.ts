import { describe, expect, test } from "vitest";
import { holdsContact, holdsEmail } from "../../../packages/core/src/contact.ts";
import { publicUrl } from "../../../packages/core/src/public-url.ts";
import { expectLinear } from "../../support/long-input.ts";

describe("a text that reaches a person is known as one", () => {
  test.each([
    "jane.doe@example.com",
    "Order of jane@example.co.uk – Shop",
    "mailto:jörg@exämple.de",
    "jane%40example.com",
    "jane＠example.com",
    "+49 170 1234567",
    "Call me: +1 (555) 123-4567!",
    "+4917012345678",
    "＋４９ 170 1234567",
    "0049 170 1234567",
    "0170 1234567",
    "01701234567",
    "0170/1234567",
    "06 12 34 56 78",
    "020 7946 0958",
    "(555) 223-4567",
    "555-223-4567",
    "555.223.4567",
    "5552234567",
    "1-800-223-4567",
    "612 345 678",
    "49 170 1234567",
    "347 1234567",
    "Tel. 030 / 1234567",
    "Rückruf 0170-1234567, danke",
  ])("%s", (text) => {
    expect(holdsContact(text)).toBe(true);
  });
});

describe("what only has many digits is nobody's number", () => {
  test.each([
    "iPhone 15 2024 edition 128 GB",
    "Planner 2024 2025 2026",
    "4006381333931",
    "EAN 4006381333931",
    "036000291452",
    "ISBN 978-3-16-148410-0",
    "Order 5890123456782",
    "#1042",
    "#0123456789",
    "Order #5552234567",
    "SKU-00123456789",
    "ABC0123456789",
    "Samsung 980 PRO 2000 GB 7000 MB/s",
    "Bolt M6 100 mm 1000 pcs",
    "120 x 200 x 40 cm",
    "1.299,00 €",
    "$1,299,000.00",
    "01.12.2026 - 05.12.2026",
    "2026-12-01 20:15",
    "01.12.2026 20:15",
    "Sale 24/7, 50 % off, 2@9.99",
    "Follow @shop.com",
    "v1.2.3.4",
    "Windows 11 Pro 64 bit 2024 H2 26100",
    "",
  ])("%s", (text) => {
    expect(holdsContact(text)).toBe(false);
  });
});

test("of what a person typed any long number counts, but an article's", () => {
  expect(holdsContact("491701234567")).toBe(false);
  expect(holdsContact("491701234567", true)).toBe(true);
  expect(holdsContact("612345678", true)).toBe(true);
  expect(holdsContact("4006381333931", true)).toBe(false);
  expect(holdsContact("iphone 15 128 gb 2024", true)).toBe(false);
});

test("a code is looked at for an address only", () => {
  expect(holdsEmail("0170 1234567")).toBe(false);
  expect(holdsEmail("for-jane@example.com")).toBe(true);
});

test("an address loses a search for a person, and keeps other words and every click id", () => {
  const at = "https://shop.example/search";
  expect(publicUrl(`${at}?q=0170+1234567&type=product`)).toBe(`${at}?type=product`);
  expect(publicUrl(`${at}?q=%2B49%20170%201234567`)).toBe(at);
  expect(publicUrl(`${at}?q=5552234567`)).toBe(at);
  expect(publicUrl(`${at}?q=jane%40example.com`)).toBe(at);
  const kept = `${at}?q=iphone+15+128+gb&variant=40123456789012&utm_id=120210000000000123&gclid=5552234567`;
  expect(publicUrl(kept)).toBe(kept);
});

test("a long text takes no longer than its length", async () => {
  await expectLinear((text) => Promise.resolve(holdsContact(text, true)), {
    parts: ["1 ", "0", "@", "a@", "a@a.", "+", "(0", "0-", "1/1/", "12.12.", "%40", "٣"],
  });
});

import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decodeCustomer,
  decodeEmailOptIn,
  decodeOrderCustomer,
  decodePurchasingSummary,
  decodeSmsOptIn,
} from "@trakit/shopify/customer.ts";
import { decodeBrowserEvent } from "@trakit/shopify/browser.ts";
import { fixture, SHOP } from "./fixture.ts";
import { pathsOf, replaceAt, UNSTORABLE } from "./mutate.ts";

const hex = (text: string) => createHash("sha256").update(text).digest("hex");
const ID = "7012345678999";
const BROWSER = { ip: null, userAgent: null, customerId: null, visitor: null, consent: null, language: null };

describe("customers/create", () => {
  test("of an account is a registration, with digests and no clear text", () => {
    const decoded = decodeCustomer(fixture("customers-create"), { shop: SHOP });
    expect(decoded).toMatchObject({
      ok: true,
      facts: { customer_id: ID, country: "US" },
      event: { name: "customer_registered", channel: "web" },
    });
    const text = JSON.stringify(decoded);
    expect(text).toContain(hex("ines.duarte@example.com"));
    expect(text).not.toMatch(/ines|duarte|17185550177|sample street/i);
  });

  test("is the event a browser reports of the same address; it tells no more of the person than that", () => {
    const registration = (change: object) => {
      const decoded = decodeCustomer({ ...fixture("customers-create"), ...change }, { shop: SHOP });
      return decoded.ok ? decoded.event! : null;
    };
    const shopifys = registration({ email: "Ines.Duarte@example.com" })!;
    const browsers = decodeBrowserEvent({
      name: "customer_registered",
      id: "anything-else",
      timestamp: 1_795_521_600_000,
      data: { customer: { email: " ines.duarte@EXAMPLE.com" } },
    }, { ...BROWSER, shop: SHOP, now: 1_795_521_600_000 });
    expect(browsers).toMatchObject({ ok: true, event: { event_id: shopifys.event_id } });
    expect(shopifys.identifiers.customer_id).toBeNull();
    expect(Object.keys(shopifys.digests).filter((form) => !form.startsWith("email."))).toEqual([]);
    expect(Object.values(shopifys.client).filter((value) => value !== null)).toEqual([]);
    // without an address nobody else can say it: the customer's own
    expect(registration({ email: null })!.identifiers.customer_id).toBe(ID);
  });

  test.each(["disabled", "invited", "declined", null])(
    "in state %s is a record and no registration",
    (state) => {
      expect(decodeCustomer({ ...fixture("customers-create"), state }, { shop: SHOP })).toMatchObject({
        ok: true,
        facts: { customer_id: ID },
        event: null,
      });
    },
  );

  test("tells the customer's own number and not that of an address, which is whom a courier calls", () => {
    const record = { ...fixture("customers-create"), phone: null };
    const told = (payload: object) => {
      const decoded = decodeCustomer(payload, { shop: SHOP });
      return decoded.ok ? decoded.facts.digests : null;
    };
    const address = { ...(record.default_address as object), phone: "+1 718 555 0199" };
    expect(told({ ...record, default_address: address })).not.toHaveProperty("phone.e164");
    expect(told({ ...record, default_address: address, phone: "+1 718 555 0177" })).toMatchObject({
      "phone.e164": [hex("+17185550177")],
    });
  });

  test("without an id is refused", () => {
    expect(decodeCustomer({ email: "a@b.c" }, { shop: SHOP })).toEqual({
      ok: false,
      issues: ["id: missing"],
    });
  });
});

describe("customers/purchasing_summary", () => {
  test("tells order count and lifetime value as of a moment", () => {
    expect(decodePurchasingSummary(fixture("customers-purchasing_summary"))).toEqual({
      ok: true,
      facts: {
        customer_id: "7012345678901",
        orders: 4,
        spent: "312.40",
        currency: "USD",
        as_of: "2026-10-26T09:40:22.000Z",
      },
      event: null,
    });
  });

  test.each([
    ["occurredAt", null],
    ["amountSpent", null],
    ["amountSpent", { amount: "x", currencyCode: "USD" }],
    ["amountSpent", { amount: "1e400", currencyCode: "USD" }],
    ["numberOfOrders", -1],
    ["customerId", "nobody"],
  ])("with a wrong %s is refused", (field, value) => {
    expect(decodePurchasingSummary({ ...fixture("customers-purchasing_summary"), [field]: value }).ok).toBe(
      false,
    );
  });
});

describe("marketing opt-ins", () => {
  test("are noted as what they are and carry no tracking consent", () => {
    const email = decodeEmailOptIn(fixture("customers-email-marketing-consent-update"));
    expect(email).toMatchObject({
      ok: true,
      facts: { customer_id: ID, email_opt_in: "subscribed", email_opt_in_at: "2026-10-26T13:13:00.000Z" },
      event: null,
    });
    const sms = decodeSmsOptIn(fixture("customers-marketing-consent-update"));
    expect(sms).toMatchObject({
      ok: true,
      facts: { customer_id: ID, sms_opt_in: "unsubscribed" },
      event: null,
    });
    for (const decoded of [email, sms]) {
      expect(JSON.stringify(decoded)).not.toMatch(/analytics|sale_of_data|ines|17185550177/);
    }
  });

  test("without a state teach who the customer is and nothing more", () => {
    const decoded = decodeEmailOptIn({
      customer_id: 1,
      email_address: "a@b.co",
      email_marketing_consent: null,
    });
    expect(decoded).toEqual({
      ok: true,
      facts: { customer_id: "1", digests: expect.objectContaining({ "email.lower": [hex("a@b.co")] }) },
      event: null,
    });
  });
});

describe("orders/updated", () => {
  test("says that there is a customer, and nothing else: anybody places an order under any address", () => {
    expect(decodeOrderCustomer(fixture("order-web-customer-eur-discount")))
      .toEqual({ facts: { customer_id: "7012345678901" } });
  });

  test("of a till's walk-in, or of who refused both purposes, teaches nothing", () => {
    expect(decodeOrderCustomer(fixture("order-pos"))).toEqual({ facts: null });
    const refused = fixture("order-web-customer-eur-discount");
    refused.note_attributes = [{ name: "__trk_consent", value: "a0m0" }];
    expect(decodeOrderCustomer(refused)).toEqual({ facts: null });
  });
});

test("anything anywhere in these payloads is read or refused, never an exception", () => {
  const decoders = [
    ["customers-create", (payload: unknown) => decodeCustomer(payload, { shop: SHOP })],
    ["customers-purchasing_summary", decodePurchasingSummary],
    ["customers-email-marketing-consent-update", decodeEmailOptIn],
    ["customers-marketing-consent-update", decodeSmsOptIn],
  ] as const;
  for (const [name, decode] of decoders) {
    const paths = pathsOf(fixture(name));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...paths), fc.jsonValue()), { minLength: 1, maxLength: 4 }),
        (changes) => {
          const payload = fixture(name);
          for (const [path, value] of changes) replaceAt(payload, path, value);
          const decoded = decode(payload);
          if (decoded.ok) {
            expect(decoded.facts.customer_id).toMatch(/^\d{1,20}$/);
            expect(JSON.stringify(decoded)).not.toMatch(UNSTORABLE);
          }
        },
      ),
      { numRuns: 150 },
    );
  }
});

import { describe, expect, test } from "vitest";
import { EMPTY_IDENTIFIERS, UNKNOWN_CONSENT } from "@trakit/core/event.ts";
import { captureDigests } from "@trakit/core/identity/capture.ts";
import { decode, event, issues } from "./orders.ts";

const attribute = (name: string, value: unknown) => ({ name, value });

describe("identifiers from the cart", () => {
  const VID = "0123456789abcdef0123456789abcdef";

  test("every attribute of ours is read and kept byte for byte", () => {
    const { identifiers, digests } = event((order) => {
      order.landing_site = "/";
      order.note_attributes = [
        attribute("__trk_vid", VID),
        attribute("__trk_fbp", "fb.1.1792998010123.1"),
        attribute("__trk_fbc", "fb.1.1792998010123.aB_c-D"),
        attribute("__trk_ttclid", "E.C.P.x"),
        attribute("__trk_ttp", "2MifKFvqOmXqHUtGfSpQJqZKnXJ"),
        attribute("__trk_scid", "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d"),
        attribute("__trk_epik", "dj0yJnU9x"),
        attribute("__trk_rdt_uuid", "1773480000123.7f6e5d4c-3b2a-4190-8f7e-6d5c4b3a2910"),
        attribute("__trk_rdt_cid", "3184742045291813272"),
        // other server tags' own names
        attribute("_scclid", "AbC-123"),
        attribute("_pin_unauth", "dWlkPU1qTXpORw"),
        attribute("__trk_gclid", "Cj0K-x_Y"),
        attribute("__trk_ga", "GA1.1.1234567890.1792998010"),
        attribute("__trk_gs", "GS2.1.s1747132561$o1$g0$t1747132655$j0$l0$h0"),
      ];
    });
    expect(identifiers).toEqual({
      ...EMPTY_IDENTIFIERS,
      visitor_id: VID,
      client_id: null,
      customer_id: "7012345678801",
      fbp: "fb.1.1792998010123.1",
      fbc: "fb.1.1792998010123.aB_c-D",
      ttp: "2MifKFvqOmXqHUtGfSpQJqZKnXJ",
      ttclid: "E.C.P.x",
      epik: "dj0yJnU9x",
      scid: "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d",
      sc_click_id: "AbC-123",
      rdt_uuid: "1773480000123.7f6e5d4c-3b2a-4190-8f7e-6d5c4b3a2910",
      rdt_cid: "3184742045291813272",
      pin_unauth: "dWlkPU1qTXpORw",
      ga_client_id: "1234567890.1792998010",
      ga_session_id: "1747132561",
      gclid: "Cj0K-x_Y",
    });
    expect(digests["external_id.plain"]).toHaveLength(2);
  });

  test("what is not shaped like the vendor's is dropped", () => {
    const names = [
      "vid",
      "fbp",
      "fbc",
      "ttclid",
      "ttp",
      "scid",
      "epik",
      "gclid",
      "ga",
      "gs",
      "consent",
      "rdt_uuid",
      "rdt_cid",
      "pin_unauth",
    ];
    for (const value of ["<script>alert(1)</script> x", "a b", "\u0000", "", null, 7, { a: 1 }, ["x"]]) {
      const decoded = event((order) => {
        order.landing_site = null;
        order.note_attributes = names.map((name) => attribute(`__trk_${name}`, value));
      });
      expect(decoded.identifiers).toEqual({ ...EMPTY_IDENTIFIERS, customer_id: "7012345678801" });
      expect(decoded.consent).toEqual(UNKNOWN_CONSENT);
    }
  });

  test("the landing page's click ids fill what the cart does not have", () => {
    const { identifiers } = event((order) => {
      order.note_attributes = [attribute("__trk_gclid", "fromCart")];
      order.landing_site = "/p?fbclid=AbC&ttclid=T.1&epik=dj0y&ScCid=s-1&gclid=fromUrl";
    });
    expect(identifiers).toMatchObject({
      fbc: "fb.1.1792998761000.AbC",
      ttclid: "T.1",
      epik: "dj0y",
      sc_click_id: "s-1",
      gclid: "fromCart",
    });
    expect(new Date(1792998761000).toISOString()).toBe("2026-10-26T07:12:41.000Z");
  });

  test("a malformed _fbc gives way to the landing page's click", () => {
    const { identifiers } = event((order) => order.note_attributes = [attribute("__trk_fbc", "garbage")]);
    expect(identifiers.fbc).toBe("fb.1.1792998761000.IwZXh0bgNhZW0CMTEAAR0demoClickIdNotReal");
  });
});

describe("the person", () => {
  test("the address is billing's, else shipping's, else the customer's own, never a mixture", () => {
    const other = {
      first_name: "Ada",
      city: "Utrecht",
      province: "Utrecht",
      province_code: "UT",
      zip: "3511",
      country_code: "NL",
    };
    expect(event((order) => order.shipping_address = other).client.city).toBe("Brooklyn");
    expect(event((order) => Object.assign(order, { billing_address: null, shipping_address: other })).client)
      .toMatchObject({
        city: "Utrecht",
        region: "Utrecht",
        region_code: "UT",
        postal_code: "3511",
        country: "NL",
      });
    expect(
      event((order) => Object.assign(order, { billing_address: [], shipping_address: null })).client.city,
    ).toBe("Brooklyn");
    const nowhere = event((order) =>
      Object.assign(order, { billing_address: [], shipping_address: [], customer: null })
    );
    expect(nowhere.client).toMatchObject({ city: null, country: null, ip: "198.51.100.23" });
    expect(nowhere.identifiers.customer_id).toBeNull();
  });

  test("every email and phone counts, the order's own first", () => {
    const { digests } = event((order) => {
      Object.assign(order, { email: "a@example.com", contact_email: "b@example.com", phone: "0221 4710187" });
      order.customer.email = "c@example.com";
      order.billing_address.country_code = "DE";
      order.billing_address.phone = "";
      order.shipping_address.phone = null;
      order.shipping_address.country_code = "NL";
      order.customer.phone = "+31 20 123 4567";
    });
    const only = (email: string) =>
      captureDigests({
        emails: [email],
        phones: [],
        first_name: null,
        last_name: null,
        street: null,
        city: null,
        region: null,
        region_code: null,
        postal_code: null,
        country: null,
        external_ids: [],
      }).digests["email.lower"]?.[0];
    expect(digests["email.lower"]).toEqual([
      only("a@example.com"),
      only("b@example.com"),
      only("c@example.com"),
    ]);
    expect(digests["phone.e164"]).toHaveLength(2);
  });

  test("what has no normal form is dropped by name", () => {
    const result = decode((order) => {
      order.email = order.contact_email = order.customer.email = "not an email";
    });
    expect(result).toMatchObject({ ok: true, dropped: ["email"] });
  });

  test("an overlong email is none: half an address is another's", () => {
    const { digests } = event((order) => {
      order.email = `${"x".repeat(400)}@example.com`;
      order.contact_email = order.customer.email = null;
    });
    expect(digests["email.lower"]).toBeUndefined();
  });
});

describe("times", () => {
  test("processed_at is when it happened, created_at where it is missing", () => {
    expect(event((order) => order.processed_at = null).occurred_at).toBe("2026-10-26T07:12:43.000Z");
    expect(event((order) => order.processed_at = "garbage").occurred_at).toBe("2026-10-26T07:12:43.000Z");
    expect(issues((order) => Object.assign(order, { processed_at: null, created_at: null })))
      .toEqual(["processed_at: missing"]);
  });
});

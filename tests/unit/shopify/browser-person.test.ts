import { describe, expect, test } from "vitest";
import { EMPTY_IDENTIFIERS } from "@trakit/core/event.ts";
import { captureDigests } from "@trakit/core/identity/capture.ts";
import { decode, event, NOW, type Raw } from "./browser-events.ts";

const CLICK = "IwZXh0bgNhZW0CMTEAAR0demoClickIdNotReal";

describe("identifiers", () => {
  const page = {
    url: `https://store.example.com/p?fbclid=${CLICK}&ttclid=T.2&epik=dj2&ScCid=s2&gclid=g2&rdt_cid=r2`,
  };
  const fbc = (visitor: Raw, url?: string) =>
    event({ page: { url: url ?? "https://store.example.com/" } }, { visitor }).identifiers.fbc;

  test("every cookie is read and kept byte for byte", () => {
    const visitor = {
      visitor_id: "0123456789abcdef0123456789abcdef",
      client_id: "c7b3f99b-4d34-463b-835f-c879482a7750",
      fbp: "fb.1.1792998010123.1234567890",
      fbc: "fb.1.1792998009000.aB_c",
      ttp: "2MifKFvqOmXqHUtGfSpQJqZKnXJ",
      ttclid: "T.1",
      epik: "dj1",
      scid: "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d",
      sc_click_id: "s1",
      rdt_uuid: "1773480000123.7f6e5d4c-3b2a-4190-8f7e-6d5c4b3a2910",
      rdt_cid: "3184742045291813272",
      pin_unauth: "dWlkPU1qTXpORw",
      ga: "GA1.1.1234567890.1792998010",
      ga_session: "GS2.1.s1747132561$o1$g0",
      gclid: "g1",
    };
    expect(event({}, { visitor }).identifiers).toEqual({
      ...EMPTY_IDENTIFIERS,
      ...visitor,
      ga_client_id: "1234567890.1792998010",
      ga_session_id: "1747132561",
      ga: undefined,
      ga_session: undefined,
    });
    expect(event({ page }, { visitor }).identifiers).toMatchObject({
      ttclid: "T.2",
      epik: "dj2",
      sc_click_id: "s2",
      gclid: "g2",
      rdt_cid: "r2",
      fbc: `fb.1.${NOW}.${CLICK}`,
    });
  });

  test("garbage in every cookie is nothing", () => {
    const names = [
      ..."visitor_id client_id fbp fbc ttp ttclid epik scid sc_click_id ga ga_session gclid fbclid".split(
        " ",
      ),
    ];
    for (const value of ["a b", "\u0000", "", "<script> ", null]) {
      expect(event({}, { visitor: Object.fromEntries(names.map((name) => [name, value])) }).identifiers)
        .toEqual(EMPTY_IDENTIFIERS);
    }
  });

  test("a click id is found in a URL too long to be kept", () => {
    const long = event({ page: { url: `${page.url}&x=${"x".repeat(5_000)}` } });
    expect(long.page.url).toBe("https://store.example.com/p");
    expect(long.identifiers).toMatchObject({ gclid: "g2", fbc: `fb.1.${NOW}.${CLICK}` });
  });

  describe("_fbc", () => {
    const cookie = `fb.2.1792998009000.${CLICK}`;

    test("the cookie stays where the click is the same, with or without Meta's appendix", () => {
      expect(fbc({ fbc: cookie }, page.url)).toBe(cookie);
      expect(fbc({ fbc: `${cookie}.AQQCAQMC` }, page.url)).toBe(`${cookie}.AQQCAQMC`);
      expect(fbc({ fbc: cookie, fbclid: CLICK, fbclid_at: NOW - 1 })).toBe(cookie);
      expect(fbc({ fbc: cookie })).toBe(cookie);
    });

    test("a new click in the URL replaces it, dated when it was first seen", () => {
      expect(fbc({ fbc: "fb.1.1792998009000.older" }, page.url)).toBe(`fb.1.${NOW}.${CLICK}`);
      expect(fbc({ fbclid: CLICK, fbclid_at: NOW - 5_000 }, page.url)).toBe(`fb.1.${NOW - 5_000}.${CLICK}`);
      expect(fbc({ fbclid: "other", fbclid_at: NOW - 5_000 }, page.url)).toBe(`fb.1.${NOW}.${CLICK}`);
    });

    test("a stored click replaces an older cookie, not a newer one, and not without its time", () => {
      expect(fbc({ fbclid: "stored", fbclid_at: NOW - 5_000 })).toBe(`fb.1.${NOW - 5_000}.stored`);
      expect(fbc({ fbc: cookie, fbclid: "stored", fbclid_at: 1792998009001 })).toBe(
        "fb.1.1792998009001.stored",
      );
      expect(fbc({ fbc: cookie, fbclid: "stored", fbclid_at: 1792998008999 })).toBe(cookie);
      expect(fbc({ fbc: cookie, fbclid: "stored" })).toBe(cookie);
      expect(fbc({ fbc: cookie, fbclid: "stored", fbclid_at: NOW + 1 })).toBe(cookie);
    });
  });
});

describe("the person", () => {
  test("who registers or leaves an address is hashed, and only hashed", () => {
    for (const name of ["customer_registered", "lead_submitted"]) {
      const customer = {
        email: "Maya.Okafor@example.com ",
        phone: "+17185550123",
        firstName: "Maya",
        lastName: "Okafor",
      };
      const decoded = event({ name, data: { customer } });
      expect(decoded.digests).toEqual(
        captureDigests({
          emails: ["maya.okafor@example.com"],
          phones: [{ value: "+17185550123", country: null }],
          first_name: "Maya",
          last_name: "Okafor",
          street: null,
          city: null,
          region: null,
          region_code: null,
          postal_code: null,
          country: null,
          external_ids: [],
        }).digests,
      );
      expect(JSON.stringify(decoded).toLowerCase()).not.toMatch(/maya|okafor|7185550123/);
    }
  });

  test("a customer the page names is never the signed one", () => {
    const checkout = {
      token: "5f7028e0bd52c2e9a4d4f5f8a6b1c2d3",
      order: { id: "1", customer: { id: "666" } },
    };
    expect(
      event({ name: "checkout_completed", data: { checkout, customer: { id: "666" } }, customerId: "666" })
        .identifiers.customer_id,
    )
      .toBeNull();
  });

  test("what has no normal form is dropped by name", () => {
    expect(decode({ name: "lead_submitted", data: { customer: { email: "nobody" } } })).toMatchObject({
      ok: true,
      dropped: ["email"],
      event: { digests: {} },
    });
  });
});

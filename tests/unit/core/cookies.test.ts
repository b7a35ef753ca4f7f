import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { clickIdsFromUrl } from "@trakit/core/click-ids.ts";
import {
  fbcFromFbclid,
  fbcIsOf,
  fbcParts,
  gaClientId,
  gaSessionId,
  validClickId,
  validClientId,
  validFbc,
  validFbp,
  validVisitorId,
} from "@trakit/core/cookies.ts";
import { IDENTIFIERS } from "@trakit/core/identifiers.ts";

const FBCLID = "IwZXh0bgNhZW0CMTEAAR0demoClickIdNotReal";

/** Every check, one value it takes and values it does not. */
const CHECKS: [string, (value: unknown) => string | null, string[], unknown[]][] = [
  ["validVisitorId", validVisitorId, ["0123456789abcdef0123456789abcdef"], [
    "0123456789ABCDEF0123456789ABCDEF",
    "0123456789abcdef0123456789abcde",
    "01K8QXTZ5M3Q8V2R7C9D4E6F0A",
  ]],
  ["validClientId", validClientId, ["c7b3f99b-4d34-463b-835f-c879482a7750"], [
    "short",
    "a b c d e f g h i j k",
    "x".repeat(65),
  ]],
  ["validFbp", validFbp, ["fb.1.1792998010123.1234567890", "fb.2.1792998010123.7.AQQCAQMC"], [
    "fb.1.1792998010123.",
    "fb.1.123.1234567890",
    "fb.1.1792998010123.12a",
    "fb.1.1792998010123.1234567890\n",
    " fb.1.1792998010123.1234567890",
    "FB.1.1792998010123.1234567890",
  ]],
  ["validFbc", validFbc, [
    `fb.1.1792998009000.${FBCLID}`,
    `fb.2.1792998009000.${FBCLID}.AQQCAQMC`,
    "fb.1.1792998009000.a.b-c_d",
  ], [
    "fb.1.1792998009.a.b-c_d",
    "fb.1.1792998009000.",
    FBCLID,
    "fb.1.179299.abc",
    "fb.1.1792998009000.a b",
    "fb.1.1792998009000.a\nb",
    `fb.1.1792998009000.${"x".repeat(2000)}`,
  ]],
  ["validClickId", validClickId, [FBCLID, "a_b-c.d"], ["", "a b", "ä", "a;b", "x".repeat(1001)]],
  ["ttclid", IDENTIFIERS.ttclid.read, ["E.C.P.demoTikTokClickIdNotReal", "x".repeat(1000)], [
    "",
    "x".repeat(1001),
    "a\u0000b",
    'a"b',
  ]],
  ["ttp", IDENTIFIERS.ttp.read, ["2MifKFvqOmXqHUtGfSpQJqZKnXJ", "01JABCDEFGHJKMNPQRSTVWXYZ0_.tt.1"], [
    "",
    "a b",
    "a%20b",
    "x".repeat(257),
  ]],
  ["epik", IDENTIFIERS.epik.read, ["dj0yJnU9demoNotReal", "dj0y~x=="], ["", "a,b", "x".repeat(1001)]],
  ["scid", IDENTIFIERS.scid.read, [
    "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d",
    "9B1DEB4D-3B7D-4BAD-9BDD-2B0D7B3DCB6D",
    // what the pixel makes since about 2024
    "uXgJ39L87OhRU_GLj327_oaNxVBZiGJS",
    "-9WdoehCsNW8s08Ix0onH_JqWS81zMPZgjI0XA",
  ], [
    "9b1deb4d",
    "{9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d}",
  ]],
  ["sc_click_id", IDENTIFIERS.sc_click_id.read, ["9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d", "abc_DEF"], [
    "",
    "a b",
  ]],
  ["gclid", IDENTIFIERS.gclid.read, ["TeSter-123_x.y"], ["", "a+b", "a b", "x".repeat(513)]],
];

describe.each(CHECKS)("%s", (_name, check, good, bad) => {
  test.each(good)("keeps %j byte for byte", (value) => expect(check(value)).toBe(value));
  test.each(bad)("refuses %j", (value) => expect(check(value)).toBeNull());
  test("returns its argument or null, whatever it is given", () => {
    fc.assert(fc.property(fc.anything(), (value) => {
      const result = check(value);
      expect(result === null || result === value).toBe(true);
    }));
  });
});

describe("_fbc from a click", () => {
  test("is depth 1, the time in ms and the click id as it stood in the URL", () => {
    expect(fbcFromFbclid(FBCLID, 1792998009000)).toBe(`fb.1.1792998009000.${FBCLID}`);
  });

  test("is nothing without a usable click id or time", () => {
    expect(fbcFromFbclid("a b", 1792998009000)).toBeNull();
    expect(fbcFromFbclid(null, 1792998009000)).toBeNull();
    expect(fbcFromFbclid(FBCLID, 17929980)).toBeNull();
    expect(fbcFromFbclid(FBCLID, 1.5e12 + 0.5)).toBeNull();
    expect(fbcFromFbclid(FBCLID, Number.NaN)).toBeNull();
  });

  test("is always a valid _fbc made of that click", () => {
    const click = fc.stringMatching(/^[A-Za-z0-9_.-]{1,1000}$/);
    fc.assert(fc.property(click, fc.integer({ min: 1e12, max: 4e12 }), (fbclid, at) => {
      const fbc = fbcFromFbclid(fbclid, at);
      expect(validFbc(fbc)).toBe(fbc);
      expect(fbcParts(fbc)).toEqual({ createdMs: at, click: fbclid });
      expect(fbcIsOf(fbc ?? "", fbclid)).toBe(true);
    }));
  });

  test("Meta's appendix does not make it another click, a longer click id does", () => {
    expect(fbcIsOf(`fb.1.1792998009000.${FBCLID}.AQQCAQMC`, FBCLID)).toBe(true);
    expect(fbcIsOf(`fb.1.1792998009000.${FBCLID}X`, FBCLID)).toBe(false);
    expect(fbcIsOf("garbage", FBCLID)).toBe(false);
  });
});

describe("Google Analytics cookies", () => {
  test.each([
    ["GA1.1.1234567890.1792998010", "1234567890.1792998010"],
    ["GA1.2-2.1234567890.1792998010", "1234567890.1792998010"],
    ["1234567890.1792998010", "1234567890.1792998010"],
    ["GA1.1.1234567890", null],
    ["amp-abcdefg", null],
    ["GA1.1.1.2.3", null],
    ["", null],
    [undefined, null],
  ])("_ga %j → %j", (cookie, id) => expect(gaClientId(cookie)).toBe(id));

  test.each([
    ["GS1.1.1747132561.3.1.1747132655.0.0.0", "1747132561"],
    ["GS2.1.s1747132561$o1$g0$t1747132655$j0$l0$h0", "1747132561"],
    ["GS2.3.o1$g0$t1747132655$s1747132561$dabc", "1747132561"],
    ["1747132561", "1747132561"],
    ["GS2.1.o1$g0$t1747132655", null],
    ["GS1.1.x1747132561", null],
    ["GS1.1.", null],
    ["", null],
    [null, null],
  ])("_ga_<stream> %j → %j", (cookie, id) => expect(gaSessionId(cookie)).toBe(id));

  test("nothing but digits and a dot ever comes out", () => {
    fc.assert(fc.property(fc.anything(), (value) => {
      expect(gaClientId(value) ?? "1.1").toMatch(/^\d+\.\d+$/);
      expect(gaSessionId(value) ?? "1").toMatch(/^\d+$/);
    }));
  });
});

describe("click ids in a URL", () => {
  test("are found in absolute and relative URLs, percent-decoded, otherwise untouched", () => {
    expect(
      clickIdsFromUrl(
        `/p?utm_source=x&fbclid=${FBCLID}&ttclid=E.C.P.abc&epik=dj0y%2DJnU9&ScCid=9b1d-x&gclid=Tes_t-1&rdt_cid=318-x#top`,
      ),
    )
      .toEqual({
        fbclid: FBCLID,
        ttclid: "E.C.P.abc",
        epik: "dj0y-JnU9",
        sc_click_id: "9b1d-x",
        gclid: "Tes_t-1",
        rdt_cid: "318-x",
      });
    expect(clickIdsFromUrl(`https://shop.example/?fbclid=${FBCLID}`)).toEqual({ fbclid: FBCLID });
  });

  test("a plus sign stays a plus sign, and case stays", () => {
    expect(clickIdsFromUrl("/?fbclid=aB+c")).toEqual({ fbclid: "aB+c" });
  });

  test("only Snapchat's parameter is known in any case", () => {
    expect(clickIdsFromUrl("/?sccid=1&FBCLID=2&Gclid=3&EPIK=4&TtClid=5")).toEqual({ sc_click_id: "1" });
    expect(clickIdsFromUrl("/?SCCID=7")).toEqual({ sc_click_id: "7" });
  });

  test("the first usable one counts", () => {
    expect(clickIdsFromUrl("/?gclid=&gclid=a%20b&gclid=first&gclid=second").gclid).toBe("first");
  });

  test("broken escapes and fragments give nothing and do no harm", () => {
    expect(clickIdsFromUrl("/?gclid=%E0%A4%A&fbclid=%zz")).toEqual({ fbclid: "%zz" });
    expect(clickIdsFromUrl("/p#?gclid=abc")).toEqual({});
    expect(clickIdsFromUrl("no query")).toEqual({});
    expect(clickIdsFromUrl(null)).toEqual({});
  });

  test("never throws, and a value put into a URL comes out byte for byte", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: "binary" }), fc.webUrl({ withQueryParameters: true })),
        (url) => {
          expect(clickIdsFromUrl(url)).toBeTypeOf("object");
        },
      ),
    );
    fc.assert(fc.property(fc.stringMatching(/^[!#-+.-:<-[\]-~-]{1,300}$/), (value) => {
      expect(clickIdsFromUrl(`https://s.example/p?a=1&ttclid=${encodeURIComponent(value)}&b`).ttclid).toBe(
        value,
      );
    }));
  });
});

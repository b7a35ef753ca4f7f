import { ParamBuilder } from "capi-param-builder-nodejs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fbcFromFbclid, fbcParts, newFbp, validFbc, validFbp } from "@trakit/core/cookies.ts";

/** Our `_fbp` and `_fbc` against Meta's own parameter builder: an oracle for cookies, not for hashing. */

interface Built {
  fbp: string | null;
  fbc: string | null;
}

function metas(query: Record<string, string>, cookies: Record<string, string>): Built {
  const builder = new ParamBuilder(["blue-mugs.example"]);
  builder.processRequest("www.blue-mugs.example", query, cookies, "https://l.facebook.com/");
  return { fbp: builder.getFbp(), fbc: builder.getFbc() };
}

/** Meta's appendix is its own measure of its library, not part of the value. */
const bare = (value: string | null) => value?.split(".").slice(0, 4).join(".") ?? null;

const NOW = Date.parse("2026-11-24T12:00:00.000Z");
// its own reader takes a click id with a dot for a malformed cookie (reference: meta §5)
const click = fc.stringMatching(/^[A-Za-z0-9_-]{10,120}$/);

describe("_fbp", () => {
  test("of ours is kept by Meta's builder as it is", () => {
    fc.assert(fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (chance) => {
      const fbp = newFbp(NOW, chance);
      expect(validFbp(fbp)).toBe(fbp);
      expect(bare(metas({}, { _fbp: fbp }).fbp)).toBe(fbp);
    }));
  });

  test("of Meta's builder is kept by us as it is, appendix included", () => {
    for (let n = 0; n < 20; n++) {
      const { fbp } = metas({}, {});
      expect(validFbp(fbp)).toBe(fbp);
      expect(fbp).toMatch(/^fb\.1\.\d{13}\.\d{1,10}/);
    }
  });
});

describe("_fbc", () => {
  test("of a click is Meta's but for the moment and the appendix", () => {
    fc.assert(fc.property(click, (fbclid) => {
      const theirs = metas({ fbclid }, {}).fbc;
      expect(fbcParts(bare(theirs))?.click).toBe(fbclid);
      expect(bare(theirs)?.replace(/\d{13}/, String(NOW))).toBe(fbcFromFbclid(fbclid, NOW));
      expect(validFbc(theirs)).toBe(theirs);
    }));
  });

  test("of ours is kept by Meta's builder for the same click, and replaced for a new one", () => {
    fc.assert(fc.property(click, click, (fbclid, other) => {
      fc.pre(fbclid !== other);
      const fbc = fbcFromFbclid(fbclid, NOW)!;
      expect(bare(metas({}, { _fbc: fbc }).fbc)).toBe(fbc);
      expect(bare(metas({ fbclid }, { _fbc: fbc }).fbc)).toBe(fbc);
      expect(fbcParts(bare(metas({ fbclid: other }, { _fbc: fbc }).fbc))?.click).toBe(other);
    }));
  });
});

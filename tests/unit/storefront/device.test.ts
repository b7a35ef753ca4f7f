import { afterEach, expect, test, vi } from "vitest";
import { IDENTIFIER_LIST } from "@trakit/core/identifiers.ts";

// by name: its types are a browser's, which the tests have not
const { forgetIds } = await vi.importActual<{ forgetIds: (consent: typeof ALL, domain: string) => void }>(
  "../../../packages/storefront/src/embed/device.ts",
);
afterEach(() => void vi.unstubAllGlobals());

const ALL = { analytics: true, marketing: true, preferences: true, sale_of_data: true };
const OTHERS = ["cart", "_shopify_y", "_fbpx", "x_ga"];
const cookies = IDENTIFIER_LIST.flatMap(({ cookies, purpose }) =>
  cookies.map((cookie) => [cookie.replace("*", "AB12"), purpose] as const)
);

/** Cookies that are left after consent was withdrawn, of a device that has every one. */
function left(consent: typeof ALL): string[] {
  const jar = new Map([...cookies.map(([name]) => name), "_tk_c", ...OTHERS].map((name) => [name, "1"]));
  class Document {
    get cookie() {
      return [...jar].map((pair) => pair.join("=")).join("; ");
    }
    set cookie(text: string) {
      if (text.includes("Max-Age=0")) jar.delete(text.split("=")[0]!);
    }
  }
  vi.stubGlobal("Document", Document);
  vi.stubGlobal("document", new Document());
  vi.stubGlobal("self", { localStorage: {}, sessionStorage: {} });
  forgetIds(consent, "shop.example");
  return [...jar.keys()];
}

test("a withdrawn purpose takes its own identifiers' cookies, and nobody else's", () => {
  const kept = (purpose: string) => cookies.filter(([, serves]) => serves !== purpose).map(([name]) => name);
  expect(left({ ...ALL, marketing: false })).toEqual([...kept("marketing"), ...OTHERS]);
  expect(left({ ...ALL, analytics: false })).toEqual([...kept("analytics"), "_tk_c", ...OTHERS]);
});

test("without marketing and analytics nothing of ours or the platforms' stays", () => {
  expect(left({ ...ALL, marketing: false, analytics: false })).toEqual(OTHERS);
});

/** fast-check arbitraries of clear values. */
import fc from "fast-check";

/** Strings as people and broken programs write them: any unit, lone surrogates, invisible characters, accents. */
export const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.array(
    fc.constantFrom(
      ..."aZé\u0301İıΣςß'’ʼ-·.@+0 9\t\u200b\ufeff\u00ad\u3000東م".split(""),
      "\ud800",
      "\udc00",
      "n/a",
      "null",
      "😀",
      "Ϊ",
    ),
    { maxLength: 25 },
  ).map((parts) => parts.join("")),
);
export const anyCountry = fc.constantFrom(
  null,
  "US",
  "NL",
  "GB",
  "CN",
  "IT",
  "uk",
  "United States",
  "??",
  "",
);

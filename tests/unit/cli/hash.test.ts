import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FIELDS } from "@trakit/core/identity/field-rules.ts";
import { PLATFORMS } from "@trakit/destinations/registry.ts";
import { hashField } from "../../support/platform-fields.ts";
import { runCli } from "./run-cli.ts";

const answers = (out: string) => out === "" ? [] : out.split("\n").map((line) => JSON.parse(line) as object);

describe("trakit hash", () => {
  test("every line is answered with a line, in order, with exactly what the platform gets", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            platform: fc.constantFrom(...PLATFORMS),
            field: fc.constantFrom(...FIELDS),
            value: fc.oneof(
              fc.string({ unit: "grapheme" }),
              fc.emailAddress(),
              fc.constant("+1 (213) 373-4253"),
            ),
            country: fc.option(fc.constantFrom("US", "DE", "GB", "")),
          }),
          { maxLength: 20 },
        ),
        async (questions) => {
          const ran = await runCli(["hash", "--stdin"], {
            input: questions.map((question) => JSON.stringify(question)).join("\n"),
          });
          expect(answers(ran.out)).toEqual(questions.map(hashField));
          expect(ran.code).toBe(0);
        },
      ),
      { numRuns: 50 },
    );
  });

  test.each([
    ["nonsense", "not JSON"],
    ["[]", "not a JSON object"],
    ['{"platform":"myspace","field":"email","value":"a@b.example"}', "platform"],
    ['{"platform":"meta","field":"shoe_size","value":"a@b.example"}', "field"],
    ['{"platform":"meta","field":"email","value":42}', "value"],
    ['{"platform":"meta","field":"email"}', "value"],
    ['{"platform":"meta","field":"phone","value":"1","country":49}', "country"],
    ['{"platform":"constructor","field":"email","value":"a@b.example"}', "platform"],
  ])(
    "the bad line %s gets an error on its line, the others their answers, and the exit code is 1",
    async (line, part) => {
      const good = '{"platform":"google","field":"email","value":"Jane.Doe@gmail.com"}';
      const ran = await runCli(["hash", "--stdin"], { input: `${good}\n${line}\n\n${good}\n` });
      const [first, second, third, ...rest] = answers(ran.out);
      expect(first).toEqual(hashField({ platform: "google", field: "email", value: "Jane.Doe@gmail.com" }));
      expect(second).toEqual({ error: expect.stringContaining(part) as string });
      expect(JSON.stringify(second)).not.toContain("a@b.example");
      expect(third).toEqual(first);
      expect(rest).toEqual([]);
      expect(ran.code).toBe(1);
    },
  );

  test("one value on the command line is answered the same", async () => {
    const ran = await runCli(["hash", "tiktok", "phone", "06 12345678", "--country", "NL", "--json"]);
    expect(answers(ran.out)).toEqual([
      hashField({ platform: "tiktok", field: "phone", value: "06 12345678", country: "NL" }),
    ]);
    expect(ran.out).toContain("31612345678");
    expect(ran.code).toBe(0);
  });
});

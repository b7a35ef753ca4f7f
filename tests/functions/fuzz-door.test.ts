import { expect, test } from "vitest";
import { chanceOf } from "../fuzz/chance.ts";
import { nextInput } from "../fuzz/inputs.ts";
import { described, tryInput } from "../fuzz/try-input.ts";
import { frontDoor } from "../fuzz/world.ts";
import { propertySeed } from "../support/seed.ts";

const seed = propertySeed();

/** The short form of `npm run fuzz -- door`; TRAKIT_TEST_SEED gives it other inputs. */
test(
  "any bytes to any route as anybody: no throw, no 5xx, no error in the log, no answer over 100 ms of CPU",
  async () => {
    const door = frontDoor();
    const seen = new Set<number>();
    for (let number = 0; number < 2_000; number++) {
      const input = nextInput(door.known, chanceOf(`${seed} ${number}`));
      const tried = await tryInput(door, input);
      if (tried.kind === "found") {
        expect.fail(
          `input ${number} of seed ${seed}: ${tried.what}\n${described(input)}`,
        );
      }
      if (tried.kind === "answered") seen.add(tried.status);
    }
    // it comes in as well as it is turned away
    for (const status of [200, 202, 400, 401, 404, 405]) expect([...seen]).toContain(status);
  },
  120_000,
);

import process from "node:process";

/** Seed of the property tests unless another is asked for: a run finds what the run before found. */
const FIXED_SEED = 20_261_130;

/**
 * The seed every property test of this run begins from, a 32-bit integer: TRAKIT_TEST_SEED, else a fixed one. Throws when
 * the variable holds something else, so that a mistyped seed does not look like a repeated run.
 */
export function propertySeed(): number {
  const text = process.env["TRAKIT_TEST_SEED"];
  if (!text) return FIXED_SEED;
  const seed = Number(text);
  if (!/^-?\d+$/.test(text) || seed !== (seed | 0)) {
    throw new RangeError("TRAKIT_TEST_SEED must be a whole number of 32 bits");
  }
  return seed;
}

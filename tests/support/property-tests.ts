/** Runs before each test file: property tests draw from the run's one seed. fast-check prints it with what it finds. */
import fc from "fast-check";
import { propertySeed } from "./seed.ts";

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: propertySeed() });

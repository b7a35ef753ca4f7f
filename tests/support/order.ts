import { BaseSequencer, type TestSpecification } from "vitest/node";

/** What starts processes and waits for them comes first, beside it what computes: no run ends with one long file alone. */
const FIRST = ["tests/chaos/", "tests/integration/", "tests/browser/", "tests/functions/"];

/** The order of files, the same in every clone (vitest's own follows the times of the last run). */
export default class Order extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const found = FIRST.findIndex((folder) => moduleId.includes(folder));
      // folders below one of these hold shorter tests than the folder itself
      return found === -1 ? FIRST.length : found + moduleId.split(FIRST[found]!)[1]!.split("/").length / 10;
    };
    return Promise.resolve(
      [...files].sort((a, b) => place(a) - place(b) || a.moduleId.localeCompare(b.moduleId)),
    );
  }
}

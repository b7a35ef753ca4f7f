import type { PipelineDependencies } from "@trakit/pipeline/coalescing.ts";

/** What the storefront's function needs of its process. */
export interface ProxyDependencies extends PipelineDependencies {
  secrets: string[];
  waitUntil: (promise: Promise<unknown>) => void;
  /** Bytes nobody can guess. */
  chance: (bytes: number) => Uint8Array;
  /** Scripts served to storefronts, by file name. */
  scripts: Record<string, { text: string; etag: string }>;
}

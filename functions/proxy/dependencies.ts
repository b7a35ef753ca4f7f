import type { PipelineDependencies } from "@trakit/pipeline/coalescing.ts";

/** What the storefront's function needs of its process. */
export interface ProxyDependencies extends PipelineDependencies {
  secrets: string[];
  /** Headers that what stands before us writes itself, whatever the visitor wrote: TRAKIT_GATEWAY_HEADERS. Absent = none. */
  gatewayHeaders?: readonly string[];
  waitUntil: (promise: Promise<unknown>) => void;
  /** Bytes nobody can guess. */
  chance: (bytes: number) => Uint8Array;
  /** Scripts served to storefronts, by file name. */
  scripts: Record<string, { text: string; etag: string }>;
}

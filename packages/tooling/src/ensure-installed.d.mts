/** Types of ensure-installed.mjs, which is plain JavaScript because it runs before there is anything to strip types. */
export function sameAsLock(lockText: string | null, installedText: string | null): boolean;
export function ensureInstalled(root?: string): Promise<void>;

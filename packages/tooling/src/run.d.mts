/** Types of run.mjs, which is plain JavaScript because it runs on the machine's own Node. */
export function runsTypeScript(version: string): boolean;
export function run(path: string, args: string[]): Promise<void>;

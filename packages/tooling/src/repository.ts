import { fileURLToPath } from "node:url";

/** Folder that holds package.json, supabase/ and packages/, without a slash at the end. */
export const repositoryRoot = fileURLToPath(new URL("../../..", import.meta.url)).replace(/[/\\]$/, "");

import process from "node:process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { brokenCitations } from "./citations.ts";

/** Things written in two places that must say the same; one sentence for each that does not. */
export function inconsistencies(root: string): string[] {
  const read = (file: string) => readFileSync(join(root, file), "utf8");
  const found: string[] = [];
  const manifest = JSON.parse(read("package.json")) as {
    version: string;
    scripts: Record<string, string>;
    dependencies: Record<string, string>;
    devDependencies: Record<string, string>;
  };

  // versions stand in package.json (Node) and deno.json (edge): a deploy reads only the latter (reference: runtimes §2)
  const deno = JSON.parse(read("deno.json")) as {
    imports: Record<string, string>;
    workspace?: unknown;
    nodeModulesDir?: unknown;
  };
  for (const [key, target] of Object.entries(deno.imports)) {
    const match = /^npm:\/?((?:@[^/]+\/)?[^@/]+)@([^/]+)/.exec(target);
    if (!match) continue;
    const [, name, version] = match as unknown as [string, string, string];
    const pinned = manifest.dependencies[name] ?? manifest.devDependencies[name];
    if (pinned !== version) {
      found.push(`deno.json has ${name}@${version} for "${key}", package.json has ${pinned ?? "none"}`);
    }
  }
  // a workspace or a manual modules folder in the root file breaks the hosted bundle (reference: runtimes §2)
  if (deno.workspace !== undefined || deno.nodeModulesDir !== undefined) {
    found.push(
      "deno.json must have neither workspace nor nodeModulesDir: the hosted bundle would look for their files",
    );
  }
  const keys = Object.keys(deno.imports).filter((key) => deno.imports[key]!.startsWith("./"));
  for (const key of keys) {
    if (!key.endsWith("/")) found.push(`deno.json: the local import ${key} must end in /`);
    if (keys.some((other) => other !== key && other.startsWith(key))) {
      found.push(`deno.json: ${key} is a prefix of another import`);
    }
  }

  // every function has its block, and every block its function
  const blocks = new Map(
    [...read("supabase/config.toml").matchAll(/^\[functions\.([a-z0-9_-]+)\]\n((?:[^[\n][^\n]*\n?)*)/gm)]
      .map((match) => [match[1]!, match[2]!]),
  );
  const functions = globSync("functions/*/index.ts", { cwd: root }).map((file) => file.split("/")[1]!);
  for (const name of functions) {
    const block = blocks.get(name);
    if (!block) found.push(`supabase/config.toml has no block [functions.${name}]`);
    else {
      if (!block.includes(`entrypoint = "../functions/${name}/index.ts"`)) {
        found.push(`[functions.${name}] names another entrypoint`);
      }
      if (!block.includes('import_map = "../deno.json"')) {
        found.push(`[functions.${name}] must name import_map, or the deploy leaves the packages out`);
      }
    }
  }
  for (const name of blocks.keys()) {
    if (!functions.includes(name)) {
      found.push(`supabase/config.toml has a block for functions/${name}, which does not exist`);
    }
  }

  if (!read("packages/runtime/src/version.ts").includes(`"${manifest.version}"`)) {
    found.push(`packages/runtime/src/version.ts does not say ${manifest.version}, as package.json does`);
  }
  for (const file of globSync("packages/*/package.json", { cwd: root })) {
    const { private: hidden, exports } = JSON.parse(read(file)) as {
      private?: boolean;
      exports?: Record<string, string>;
    };
    if (hidden !== true || exports?.["./*"] !== "./src/*") {
      found.push(`${file} must be private and export ./src/*`);
    }
  }

  // documentation: links lead somewhere, commands exist
  for (
    const file of ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", ...globSync("docs/**/*.md", { cwd: root })]
  ) {
    if (!existsSync(join(root, file))) {
      found.push(`${file} is missing`);
      continue;
    }
    const text = read(file);
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^(https?:|mailto:)/.test(target!)) continue;
      const [path, anchor] = target!.split("#") as [string, string | undefined];
      const destination = path === "" ? join(root, file) : resolve(root, dirname(file), path);
      if (!existsSync(destination)) found.push(`${file}: the link ${target} leads nowhere`);
      else if (
        anchor && destination.endsWith(".md") && !anchorsOf(readFileSync(destination, "utf8")).has(anchor)
      ) {
        found.push(`${file}: ${target} has no such heading`);
      }
    }
    for (const [, script] of text.matchAll(/\bnpm run ([a-z][a-z:-]*)/g)) {
      if (!manifest.scripts[script!]) found.push(`${file}: there is no script "npm run ${script}"`);
    }
    for (
      const [, path] of text.matchAll(/`((?:packages|functions|tests|supabase|docs)\/[A-Za-z0-9_./-]+)`/g)
    ) {
      if (!existsSync(join(root, path!))) found.push(`${file}: ${path} does not exist`);
    }
  }
  found.push(...brokenCitations(root));
  return found;
}

function anchorsOf(markdown: string): Set<string> {
  const headings = [...markdown.matchAll(/^#{1,6} (.+)$/gm)].map((match) => match[1]!);
  return new Set(
    headings.map((heading) =>
      heading.toLowerCase().replace(/[`*]/g, "").replace(/[^\p{L}\p{N}\s_-]/gu, "").trim().replace(/\s/g, "-")
    ),
  );
}

if (process.argv[1]?.endsWith("consistency.ts")) {
  const found = inconsistencies(join(import.meta.dirname, "../../.."));
  for (const line of found) process.stderr.write(`${line}\n`);
  process.stdout.write(
    found.length === 0 ? "consistency: kept\n" : `consistency: ${found.length} problems\n`,
  );
  process.exitCode = found.length === 0 ? 0 : 1;
}

// Bundle the browser code: one file in a room's static/dist for each entry point.
// An entry point is a .ts or .css file directly in the room's source folder that no other file there
// imports. Each result gets a .gz beside it, so that no request pays for compression.
//
//   node build.mjs            build what is older than its sources
//   node build.mjs --force    build all
//   node build.mjs --sizes    also print the sizes

import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync, constants } from "node:zlib";
import { build } from "esbuild";
import { slim } from "./channels/chat/widget/slim/plugin.mjs";

const ROOT = dirname(fileURLToPath(import.meta.url));
const ROOMS = [
  { from: "contact/desk/client", to: "contact/desk/static/dist", modules: ["editor"] },
  { from: "board/client", to: "board/static/dist" },
  { from: "channels/chat/widget", to: "channels/chat/static/dist", plugins: [slim] },
];
const SHARED = ["build.mjs", "package-lock.json", "tsconfig.json"].map((name) => join(ROOT, name));
const IMPORT = /(?:from|import|@import)\s*\(?\s*(?:url\()?["']\.\/([^"']+)["']/g;

const files = (folder) => (existsSync(folder) ? readdirSync(folder, { recursive: true, withFileTypes: true }) : [])
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath ?? entry.path, entry.name));

const stem = (name) => basename(name).replace(/\.(ts|js|css)$/, "");

function entries(folder, modules) {
  const sources = files(folder).filter((path) => /\.(ts|css)$/.test(path) && !path.endsWith(".d.ts"));
  const imported = new Set(
    sources.flatMap((path) => [...readFileSync(path, "utf8").matchAll(IMPORT)].map((match) => stem(match[1]))),
  );
  return sources.filter((path) => dirname(path) === folder && (!imported.has(stem(path)) || modules.includes(stem(path))));
}

const newest = (paths) => Math.max(0, ...paths.filter(existsSync).map((path) => statSync(path).mtimeMs));
const oldest = (paths) => Math.min(...paths.map((path) => (existsSync(path) ? statSync(path).mtimeMs : 0)));

async function room({ from, to, plugins = [], modules = [] }) {
  const source = join(ROOT, from), target = join(ROOT, to);
  const points = entries(source, modules);
  if (!points.length) return;
  const results = points.map((path) => join(target, stem(path) + (path.endsWith(".css") ? ".css" : ".js")));
  if (!process.argv.includes("--force") && oldest(results) >= newest([...files(source), ...SHARED])) return;
  rmSync(target, { recursive: true, force: true });
  const bundle = (entryPoints, format) => build({
    entryPoints, outdir: target, bundle: true, minify: true, sourcemap: "linked", sourcesContent: true,
    format, target: ["es2022"], charset: "utf8", legalComments: "none", logLevel: "warning",
    loader: { ".svg": "text" }, plugins,
  });
  const late = points.filter((path) => modules.includes(stem(path))); // fetched by import() when they are needed
  await bundle(points.filter((path) => !late.includes(path)), "iife");
  if (late.length) await bundle(late, "esm");
  for (const path of results) {
    const zipped = gzipSync(readFileSync(path), { level: constants.Z_BEST_COMPRESSION });
    writeFileSync(`${path}.gz`, zipped);
    if (process.argv.includes("--sizes")) console.log(`${relative(ROOT, path)}  ${zipped.length} bytes gzipped`);
  }
}

await Promise.all(ROOMS.map(room));

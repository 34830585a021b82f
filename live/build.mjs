// Builds the page of the live view: all of it in one file, which asks no other host for anything.
//
//   node build.mjs            writes ../agentcore_mcp/server/live/page.html
//   node build.mjs --check    fails if the page is not what would be written
//
// A terminal and a Markdown parser are 350 kB, and hosts load the page anew for each call. So the script is compressed,
// by a library in JavaScript that does so alike on every machine, and unpacked by the few lines of src/unpack.js. The
// page's own policy allows these two scripts by their hashes, and nothing else.
import { build } from "esbuild";
import { gzipSync, strToU8 } from "fflate";
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";

const MAX_BYTES = 150_000;
const here = (path) => new URL(path, import.meta.url);
const target = here("../agentcore_mcp/server/live/page.html");

// markdown-it brings what turns bare text into links, which the page does not do, and more named characters than it needs.
// It fills the rows of a table up to 65,536 cells, which takes a browser seconds for a text of 17 kB.
const CELLS = "MAX_AUTOCOMPLETED_CELLS = 65536";
const without = {
  name: "without",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^entities(\/.*)?$/ }, () => ({ path: here("src/entities.js").pathname }));
    onResolve({ filter: /^linkify-it$/ }, ({ path }) => ({ path, namespace: "without" }));
    onLoad({ filter: /markdown-it\.mjs$/ }, async ({ path }) => {
      const [before, after] = (await readFile(path, "utf8")).split(CELLS);
      if (after === undefined) throw new Error(`${path} has no ${CELLS} any more`);
      return { contents: `${before}MAX_AUTOCOMPLETED_CELLS = 4096${after}` };
    });
    onLoad({ filter: /.*/, namespace: "without" }, () => ({ contents: "export class LinkifyIt {}" }));
  },
};

async function bundled(entry, format, define = {}) {
  const options = { define, bundle: true, minify: true, write: false, charset: "utf8", legalComments: "none" };
  const { outputFiles } = await build({
    ...options, format, entryPoints: [here(entry).pathname], target: ["chrome109", "firefox115", "safari16.4"], plugins: [without],
  });
  return outputFiles[0].text.trim();
}

const hash = (script) => `'sha256-${createHash("sha256").update(script).digest("base64")}'`;

const style = await bundled("src/style.css");
const script = await bundled("src/main.js", "iife", { STYLE: JSON.stringify(style) });
const unpack = await bundled("src/unpack.js", "iife");
const packed = Buffer.from(gzipSync(strToU8(script), { level: 9, mem: 12, mtime: 0 })).toString("base64");
const values = { unpack, packed, scripts: `${hash(unpack)} ${hash(script)}` };
const template = await readFile(here("src/page.html"), "utf8");
const page = template.replace(/\{\{(\w+)\}\}/g, (_, name) => values[name]);

if (Buffer.byteLength(page) >= MAX_BYTES) throw new Error(`the page has ${Buffer.byteLength(page)} bytes, and may have ${MAX_BYTES}`);
if (process.argv.includes("--check")) {
  if (page !== (await readFile(target, "utf8"))) throw new Error("page.html is not what its sources build; run: npm run build");
} else {
  await writeFile(target, page);
  console.log(`${target.pathname}: ${Buffer.byteLength(page)} bytes`);
}

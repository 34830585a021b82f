// A host of MCP Apps: the official client, the official bridge, and Chromium. Does what it is told line by line on its
// standard input, as JSON {"op", ...}, and answers each with a line: {"result"} or {"error"}.
//
// Asserting is left to the tests.

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { build } from "esbuild";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const LIMIT_MS = 45_000;
const MIME = "text/html;profile=mcp-app";
// What hosts allow the page, by the specification; its own policy allows less.
const POLICY =
  "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'none'";

const here = (path) => new URL(path, import.meta.url).pathname;
const axe = await readFile(here("node_modules/axe-core/axe.min.js"), "utf8");
const bundle = await build({ entryPoints: [here("bridge.mjs")], bundle: true, format: "esm", write: false });
const hostPage = await readFile(here("host.html"));
let app = "";
const web = createServer((request, response) => {
  const found = { "/": ["text/html", hostPage], "/bridge.js": ["text/javascript", bundle.outputFiles[0].text], "/app": ["text/html", app], "/favicon.ico": ["image/x-icon", ""] };
  const [type, body] = found[request.url] ?? ["text/plain", ""];
  const headers = { "content-type": `${type}; charset=utf-8` };
  if (request.url === "/app") headers["content-security-policy"] = `${POLICY}; sandbox allow-scripts`;
  response.writeHead(found[request.url] ? 200 : 404, headers).end(body);
}).listen(0, "127.0.0.1");
await new Promise((listening) => web.once("listening", listening));
const origin = `http://127.0.0.1:${web.address().port}`;

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox", "--disable-gpu"] });
let page;
let client;
let requests = [];
let problems = [];

async function fresh(width, scheme) {
  await page?.close();
  page = await browser.newPage({ viewport: { width, height: 620 }, colorScheme: scheme, reducedMotion: "reduce" });
  page.setDefaultTimeout(LIMIT_MS);
  requests = [];
  problems = [];
  page.on("request", (request) => requests.push(request.url()));
  page.on("dialog", (dialog) => (problems.push(`dialog: ${dialog.message()}`), dialog.dismiss()));
  page.on("pageerror", (error) => problems.push(`error: ${error.message}`));
  page.on("console", (message) => message.type() === "error" && problems.push(`console: ${message.text()}`));
}

const view = () => (page.url().startsWith(origin) ? page.frame({ url: `${origin}/app` }) : page.mainFrame());

const ops = {
  // Connects to a server: {url} or {command, args, env}; mode is a protocol version.
  async connect({ url, command, args, env, mode, name = "agentcore-mcp-tests", token }) {
    await client?.close();
    const extensions = { "io.modelcontextprotocol/ui": { mimeTypes: [MIME] } };
    const versionNegotiation = { mode: mode === "legacy" ? "legacy" : { pin: mode } };
    client = new Client({ name, version: "1.0.0" }, { capabilities: { extensions }, versionNegotiation });
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    const transport = url
      ? new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } })
      : new StdioClientTransport({ command, args, env: { ...process.env, ...env } });
    await client.connect(transport);
  },
  // Calls a tool as the model would, shows its app, and gives the app what a host gives.
  async show({ tool, arguments: given, width = 800, theme = "light", variables = {}, inputLate = false, capabilities }) {
    const { tools } = await client.listTools();
    const uri = tools.find(({ name }) => name === tool)._meta.ui.resourceUri;
    app = (await client.readResource({ uri })).contents[0].text;
    await fresh(width, theme);
    await page.exposeFunction("callTool", (params) => client.callTool(params, { timeout: 60_000 }));
    await page.goto(origin);
    const able = capabilities ?? { serverTools: {}, openLinks: {}, updateModelContext: { text: {} } };
    const context = { theme, styles: { variables }, toolInfo: { tool: tools.find(({ name }) => name === tool) } };
    await page.evaluate((options) => window.showApp(options), { capabilities: able, context });
    await page.waitForFunction(() => window.seen.ready);
    if (!inputLate) await page.evaluate((input) => window.bridge.sendToolInput({ arguments: input }), given);
    const result = await client.callTool({ name: tool, arguments: given }, { timeout: 60_000 });
    if (inputLate) await page.evaluate((input) => window.bridge.sendToolInput({ arguments: input }), given);
    await page.evaluate((end) => window.bridge.sendToolResult(end), result);
    return result;
  },
  // Gives the app a result that no server made.
  async result({ result }) {
    await page.evaluate((end) => window.bridge.sendToolResult(end), result);
  },
  async goto({ url, width = 1000, theme = "light" }) {
    await fresh(width, theme);
    await page.goto(url);
  },
  async click({ name }) {
    await view().getByRole("button", { name, exact: true }).click();
  },
  async fill({ label, text }) {
    await view().getByLabel(label, { exact: true }).fill(text);
  },
  async press({ key }) {
    await page.keyboard.press(key);
  },
  async choose({ label, option }) {
    await view().getByLabel(label, { exact: true }).selectOption(option);
  },
  // Waits until the app's text has a text, and returns the moment in Unix time.
  async until({ text }) {
    const shown = () => document.getElementById("main").textContent;
    const has = (wanted) => document.getElementById("main").textContent.includes(wanted);
    await view()
      .waitForFunction(has, text, { polling: 10 })
      .catch(async () => {
        throw new Error(`no ${text} in ${(await view().evaluate(shown)).slice(-2000)}`);
      });
    return Date.now() / 1000;
  },
  async told({ least = 1 }) {
    await page.waitForFunction((count) => window.seen.told.length >= count, least);
    return page.evaluate(() => window.seen);
  },
  seen: () => page.evaluate(() => window.seen),
  evaluate: ({ code }) => view().evaluate(code),
  async screenshot({ path }) {
    // Once the frame is as high as its page.
    const drawn = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    for (const frame of [view(), page, view(), page]) await frame.evaluate(drawn);
    const { width, height } = await page.evaluate(() => ({ width: innerWidth, height: document.body.scrollHeight }));
    await page.screenshot({ path, clip: { x: 0, y: 0, width, height } });
  },
  // Returns the problems that axe-core finds.
  async axe() {
    const frame = view();
    await frame.evaluate(axe).catch(() => {});
    const { violations } = await frame.evaluate(() => window.axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] }));
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(" ")}`);
  },
  traffic: () => ({ requests: requests.filter((url) => !url.startsWith("data:")), problems }),
};

console.log(JSON.stringify({ result: "ready" }));
for await (const line of createInterface({ input: process.stdin })) {
  const { op, ...options } = JSON.parse(line);
  try {
    console.log(JSON.stringify({ result: (await ops[op](options)) ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ error: `${op}: ${error.stack}` }));
  }
}
await client?.close();
await browser.close();
web.close();

// The shipped page without a browser: in a DOM for Node, with the official app-bridge as its host.
//
// node headless.mjs '{"command", "args", "env", "mode", "tool", "arguments", "click"}'
//
// Calls the tool as a model would, gives the page its result, clicks the button of that name if there is one, waits until
// the page says how the call ended, and prints what it shows and what it told the model, as one JSON document.

import { AppBridge } from "@modelcontextprotocol/ext-apps/app-bridge";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { GlobalWindow } from "happy-dom";
import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";

const LIMIT_MS = 45_000;
const MIME = "text/html;profile=mcp-app";
const ENDED = /Done|Failed|Not allowed|Ended|waits for your answer/;

const plan = JSON.parse(process.argv[2]);
const extensions = { "io.modelcontextprotocol/ui": { mimeTypes: [MIME] } };
const versionNegotiation = { mode: plan.mode === "legacy" ? "legacy" : { pin: plan.mode } };
const client = new Client({ name: "agentcore-mcp-tests", version: "1.0.0" }, { capabilities: { extensions }, versionNegotiation });
await client.connect(new StdioClientTransport({ command: plan.command, args: plan.args, env: { ...process.env, ...plan.env } }));
const { tools } = await client.listTools();
const uri = tools.find(({ name }) => name === plan.tool)._meta.ui.resourceUri;
const page = (await client.readResource({ uri })).contents[0].text;

const window = new GlobalWindow({ url: "about:blank" });
for (const name of ["document", "getComputedStyle", "ResizeObserver"]) globalThis[name] = window[name];
globalThis.window = new Proxy(window, { get: (_, name) => (name === "parent" ? parent : window[name]?.bind?.(window) ?? window[name]) });
const transport = {
  start: async () => {},
  close: async () => {},
  send: async (data) => window.dispatchEvent(Object.assign(new window.Event("message"), { source: parent, data })),
};
const parent = { postMessage: (data) => queueMicrotask(() => transport.onmessage(data)) };
const told = [];
const bridge = new AppBridge(null, { name: "agentcore-mcp-tests", version: "1.0.0" }, { serverTools: {}, updateModelContext: { text: {} } });
bridge.oncalltool = (params) => client.callTool(params);
bridge.onupdatemodelcontext = async ({ content }) => (told.push(content[0].text), {});
const ready = new Promise((initialized) => bridge.addEventListener("initialized", initialized));
await bridge.connect(transport);

document.body.innerHTML = '<main id="main"></main>';
new Function(gunzipSync(Buffer.from(/id="packed">([^<]*)</.exec(page)[1], "base64")).toString())();
await ready;
bridge.sendToolInput({ arguments: plan.arguments });
const result = await client.callTool({ name: plan.tool, arguments: plan.arguments });
bridge.sendToolResult(result);
const state = () => document.querySelector(".state").textContent;
await until(() => (plan.click ? button() : ENDED.test(state())));
if (plan.click) button().click();
await until(() => ENDED.test(state()) && (told.length || result.structuredContent.status === "COMPLETED"));
console.log(JSON.stringify({ result, told, state: state(), text: document.body.textContent }));
process.exit();

function button() {
  return [...document.querySelectorAll("button")].find((one) => one.textContent === plan.click);
}

async function until(holds) {
  const deadline = Date.now() + LIMIT_MS;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`still ${document.body.textContent}`);
    await new Promise((soon) => setTimeout(soon, 20));
  }
}

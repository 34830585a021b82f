// The page by itself: a client of the server that it came from, for people without an MCP host.
//
// It speaks MCP 2026-07-28, which needs no session: a POST with JSON, answered by JSON or by server-sent events. There are
// no cookies. Where the server asks for a token, its user pastes one, and it is kept for as long as the page is open.

import { CallView } from "./call.js";
import { button, duration, make, visible } from "./dom.js";

const VERSION = "2026-07-28";
const META = {
  "io.modelcontextprotocol/protocolVersion": VERSION,
  "io.modelcontextprotocol/clientInfo": { name: "agentcore-mcp-ui", version: "1" },
  "io.modelcontextprotocol/clientCapabilities": {
    extensions: { "io.modelcontextprotocol/ui": { mimeTypes: ["text/html;profile=mcp-app"] } },
  },
};
const LOOK_MS = 3000;

export class ServerPage {
  acts = true;
  #token = "";
  #id = 0;
  #tools = {};
  #shown = new Set();
  #pending = 0;
  #answered = 0;
  #parts;

  constructor(main) {
    main.classList.add("page");
    const field = (tag, label, more = {}) => make(tag, { "aria-label": label, placeholder: label, ...more });
    const parts = (this.#parts = {
      token: field("input", "Access token", { type: "password", autocomplete: "off" }),
      agent: field("select", "Agent"),
      session: field("input", "Session: new, or a name or id", { autocomplete: "off", spellcheck: false }),
      prompt: field("textarea", "Prompt", { rows: 2 }),
      command: field("input", "Command", { autocomplete: "off", spellcheck: false }),
      problem: make("p", { className: "problem", role: "alert", hidden: true }),
      sessions: make("ul", { className: "sessions", "aria-label": "Open sessions" }),
      calls: make("div", { className: "calls", role: "region", "aria-label": "Calls" }),
    });
    const ask = () => this.#begin("prompt", parts.prompt);
    const run = () => this.#begin("command", parts.command);
    const onEnter = (act) => (event) => event.key === "Enter" && !event.shiftKey && !event.isComposing && (event.preventDefault(), act());
    parts.prompt.onkeydown = onEnter(ask);
    parts.command.onkeydown = onEnter(run);
    parts.token.onkeydown = onEnter(() => this.#start());
    parts.login = make("div", { className: "row", hidden: true }, parts.token, button("Use it", () => this.#start(), "primary"));
    parts.asking = make("div", { className: "row" }, parts.prompt, button("Ask", ask, "primary"));
    parts.running = make("div", { className: "row" }, parts.command, button("Run", run));
    const where = make("div", { className: "row" }, parts.agent, parts.session);
    main.append(make("h1", {}, "AgentCore"), parts.login, where, parts.asking, parts.running, parts.problem);
    main.append(make("h2", {}, "Open sessions"), parts.sessions, make("h2", {}, "Calls"), parts.calls);
    this.#start();
    setInterval(() => document.hidden || this.#look(), LOOK_MS);
  }

  async #start() {
    this.#token = this.#parts.token.value.trim();
    await this.#trying(async () => {
      const { tools } = await this.#request("tools/list", {});
      this.#tools = Object.fromEntries(tools.map((tool) => [tool.name, tool.inputSchema.properties]));
      this.#parts.login.hidden = true;
      this.#parts.running.hidden = !this.#tools.run_command;
      this.#parts.asking.hidden = !tools.some(({ name }) => /^(invoke_agent$|ask_)/.test(name));
    });
    await this.#look();
  }

  // Shows the agents, the open sessions, and the calls that go on in them, whoever began them.
  async #look() {
    if (!this.#tools.list_agents) return;
    const answered = this.#answered;
    await this.#trying(async () => {
      const { agents, sessions } = (await this.call("list_agents", {})).structuredContent;
      const { agent } = this.#parts;
      const names = agents.map(({ name }) => name);
      if (names.join() !== Array.from(agent.options, ({ value }) => value).join()) {
        agent.replaceChildren(...names.map((name) => make("option", { value: name }, name)));
      }
      const list = this.#parts.sessions;
      // What somebody is about to press stays where it is.
      if (!list.contains(document.activeElement)) {
        const lines = sessions.map((session) => this.#line(session));
        list.replaceChildren(...(lines.length ? lines : [make("li", {}, "none")]));
      }
      // Of what this page began, the handle is known with its answer, which ends in another look.
      if (this.#pending || answered !== this.#answered) return;
      for (const { calls = [], ...session } of sessions) for (const handle of calls) this.#watch(handle, session);
    });
  }

  #line({ session_id: id, agent, age_s: age }) {
    const use = button(id, () => ((this.#parts.session.value = id), this.#parts.session.focus()), "id");
    const stop = button("Stop", async () => {
      stop.disabled = true;
      stop.blur();
      await this.#trying(() => this.call("stop_session", { session_id: id }));
      await this.#look();
    });
    stop.hidden = !this.#tools.stop_session;
    stop.setAttribute("aria-label", `Stop ${id}`);
    return make("li", {}, use, make("span", {}, `${visible(agent)}, ${duration(age)}`), stop);
  }

  // Watches a call that was begun elsewhere.
  #watch(handle, session) {
    if (this.#shown.has(handle)) return;
    this.#shown.add(handle);
    this.#add("").begin({ structuredContent: { status: "RUNNING", handle, session_id: session.session_id } });
  }

  #add(title) {
    const view = new CallView(this, visible(title));
    this.#parts.calls.prepend(view.element);
    return view;
  }

  async #begin(argument, input) {
    const text = input.value;
    if (!text.trim()) return;
    const { agent, session } = this.#parts;
    const name = argument === "command" ? "run_command" : this.#tools.invoke_agent ? "invoke_agent" : `ask_${agent.value}`;
    const given = { [argument]: text, session_id: session.value.trim() };
    if (this.#tools[name]?.agent && agent.value) given.agent = agent.value;
    input.value = "";
    const view = this.#add(text.split("\n")[0]);
    view.named(name);
    this.#pending += 1;
    try {
      const result = await this.call(name, given);
      this.#shown.add(result.structuredContent?.handle);
      view.begin(result);
    } catch (error) {
      view.ended("FAILED", error.message);
    }
    this.#pending -= 1;
    this.#answered += 1;
    await this.#look();
  }

  async #trying(act) {
    try {
      await act();
      this.#parts.problem.hidden = true;
    } catch (error) {
      Object.assign(this.#parts.problem, { hidden: false, textContent: error.message });
    }
  }

  // As a host, for the views of calls.
  call(name, given) {
    return this.#request("tools/call", { name, arguments: given });
  }

  tell() {}

  open(url) {
    window.open(url, "_blank", "noopener,noreferrer");
  }

  async #request(method, params) {
    const headers = { "Content-Type": "application/json", Accept: "application/json, text/event-stream" };
    Object.assign(headers, { "MCP-Protocol-Version": VERSION, "Mcp-Method": method });
    if (params.name) headers["Mcp-Name"] = params.name;
    if (this.#token) headers.Authorization = `Bearer ${this.#token}`;
    const body = JSON.stringify({ jsonrpc: "2.0", id: ++this.#id, method, params: { ...params, _meta: META } });
    const options = { method: "POST", headers, body, credentials: "omit", redirect: "error" };
    const response = await fetch(new URL("mcp", location.href), options);
    if (response.status === 401) {
      this.#parts.login.hidden = false;
      throw new Error(this.#token ? "The server did not take this access token." : "The server asks for an access token.");
    }
    const text = await response.text();
    const isStream = response.headers.get("content-type")?.startsWith("text/event-stream");
    const { result, error, error_description: refused } = isStream ? lastOf(text) : parsed(text);
    if (result) return result;
    throw new Error(error?.message ?? refused ?? `The server answered ${response.status}.`);
  }
}

// The answer at the end of a stream of events.
function lastOf(stream) {
  const data = stream.split(/\r?\n/).filter((line) => line.startsWith("data:"));
  return parsed(data.at(-1)?.slice(5) ?? "");
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

// One call: what it brings in, how it is doing, and what its user can do about it.
//
// It goes on by the handle in a result, and by nothing else: a host may give the page another MCP session than its
// model, and other workers may answer. Whoever has the page, an MCP host or the browser alone, is its `host`:
//
//   acts            whether tools can be called
//   call(name, arguments), tell(text), open(url)

import { button, duration, headAndTail, make, visible } from "./dom.js";
import { Words } from "./markdown.js";
import { Screen } from "./terminal.js";

const WAIT_S = 20;
// Words come faster than anybody reads; hosts need not pass on more than these.
const PAUSE_MS = 80;
const RETRY_MS = [500, 1000, 2000, 4000, 8000];
const MODEL_MAX_CHARS = 20_000;
const APPROVAL = "agentcore-mcp/approval";
const STATES = {
  RUNNING: "Running",
  COMPLETED: "Done",
  INPUT_REQUIRED: "The agent waits for your answer",
  TIMED_OUT: "Ended by its timeout",
  FAILED: "Failed",
  GONE: "Ended, or not known any more",
  UNANSWERED: "Waits for your approval",
  DENIED: "Not allowed",
};

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const textOf = (result) => (result.content ?? []).map((block) => block.text ?? "").join("\n");

export class CallView {
  #host;
  #tool = "";
  #session = "";
  #handle = "";
  #left = false;
  #began = Date.now();
  #timer;
  #words;
  #said = "";
  #screen;
  #parts = {};

  constructor(host, title = "") {
    this.#host = host;
    const parts = (this.#parts = {
      state: make("strong", { className: "state", role: "status" }, "Waiting for the call"),
      title: make("span", { className: "title" }, title),
      elapsed: make("span", { className: "elapsed", "aria-hidden": "true" }),
      session: make("code", { className: "session", hidden: true }),
      cancel: button("Cancel", () => this.#cancel()),
      stop: button("Stop session", () => this.#stop(), "danger"),
      output: make("div", { className: "output", role: "region", tabIndex: 0, "aria-label": "Output" }),
      ask: make("div", { className: "ask" }),
      typing: make("div", { className: "buttons", hidden: true }),
      problem: make("p", { className: "problem", role: "alert", hidden: true }),
    });
    const header = make("header", {}, parts.state, parts.title, parts.elapsed, parts.session, parts.cancel, parts.stop);
    this.element = make("section", { className: "call", "aria-label": "Call" }, header, parts.ask, parts.output, parts.typing, parts.problem);
    parts.cancel.hidden = parts.stop.hidden = true;
  }

  // The host says what the tool was called with; some do so only after it has ended.
  given({ prompt, command, session_id: session }) {
    if (prompt || command) this.#parts.title.textContent = visible(headAndTail(String(prompt ?? command), 200));
    if (session) this.#showSession(session);
  }

  named(tool) {
    this.#tool ||= tool;
  }

  restyled() {
    this.#screen?.restyle();
  }

  leave() {
    this.#left = true;
    clearInterval(this.#timer);
  }

  // Takes the result of the call, which may go on.
  begin(result) {
    const data = result.structuredContent ?? fromText(textOf(result));
    if (result.isError) return this.ended("FAILED", textOf(result));
    if (data.session_id) this.#showSession(data.session_id);
    const asked = result._meta?.[APPROVAL];
    if (asked) return this.#askApproval(asked);
    // A command in a shell that stays goes on while it waits for input; an agent's answer has ended.
    const goesOn = data.status === "RUNNING" || (data.status === "INPUT_REQUIRED" && data.stdout !== undefined);
    if (goesOn && data.handle) return this.#follow(data.handle);
    this.#append("text", data.text ?? "");
    this.#append("stdout", data.stdout ?? "");
    this.#append("stderr", data.stderr ?? "");
    if (data.text === undefined && data.stdout === undefined) this.#append("text", textOf(result));
    return this.#end(data, false);
  }

  // Shows how the call ended.
  ended(status, problem = "") {
    clearInterval(this.#timer);
    this.#state(status);
    this.#parts.cancel.hidden = true;
    this.#parts.output.setAttribute("aria-busy", "false");
    if (problem) this.#problem(problem);
  }

  async #follow(handle) {
    // A host may bring the same result again.
    if (this.#handle === handle) return;
    this.#handle = handle;
    this.#state("RUNNING");
    this.#parts.cancel.hidden = this.#parts.stop.hidden = !this.#host.acts;
    this.#parts.output.setAttribute("aria-busy", "true");
    this.#timer = setInterval(() => this.#tick(), 1000);
    if (!this.#host.acts) return this.#problem("This host lets the view call no tools, so it can't go on here.");
    let offset = 0;
    let failed = 0;
    let told = 0;
    while (!this.#left && this.#handle === handle) {
      let seen;
      try {
        seen = await this.#call("watch_call", { handle, offset, wait_seconds: WAIT_S });
      } catch (error) {
        if (error.refused) return this.ended("GONE", error.message);
        if (failed === RETRY_MS.length) return this.ended("FAILED", error.message);
        await pause(RETRY_MS[failed++]);
        continue;
      }
      failed = 0;
      offset = seen.next_offset;
      this.#tool = seen.tool;
      this.#showSession(seen.session_id);
      for (const [after, kind, text] of seen.pieces) {
        if (kind === "began") this.#began = Number(text) * 1000;
        else this.#append(kind, text, after);
      }
      this.#showShell(seen);
      // Said once: it is read aloud.
      if (seen.dropped_bytes && !told++) this.#problem("What has come since is too much to be shown here; the call goes on.");
      if (seen.status !== "RUNNING") return this.#end(seen, true);
      await pause(PAUSE_MS);
    }
  }

  // Calls a tool, and returns its structured content; throws what a refused call says.
  async #call(name, given) {
    const result = await this.#host.call(name, given);
    if (!result.isError) return result.structuredContent;
    throw Object.assign(new Error(textOf(result)), { refused: true });
  }

  #append(kind, text, after) {
    if (!text) return;
    if (kind === "notes") {
      this.#words = undefined;
      const steps = this.#parts.output.lastElementChild;
      const list = steps?.tagName === "OL" ? steps : make("ol", { className: "steps", "aria-label": "Steps" });
      for (const line of text.split("\n").filter(Boolean)) {
        list.append(make("li", {}, make("bdi", {}, visible(line.replace(/^\[(.*)\]$/, "$1"))), make("span", { className: "after" }, duration(after))));
      }
      this.#parts.output.append(list);
    } else if (kind === "text") {
      if (!this.#words) {
        this.#words = new Words((url) => this.#host.open(url));
        this.#parts.output.append(this.#words.element);
      }
      this.#said += text;
      this.#words.add(text);
    } else {
      if (!this.#screen) {
        this.#screen = new Screen((url) => this.#host.open(url));
        this.#parts.output.append(this.#screen.element);
      }
      this.#screen.write(kind, text);
    }
    queueMicrotask(() => this.#scroll());
  }

  // Stays at the end, unless the user has scrolled up.
  #scroll() {
    const { output } = this.#parts;
    const before = this.#parts.height ?? 0;
    if (output.scrollTop + output.clientHeight >= before - 40) output.scrollTop = output.scrollHeight;
    this.#parts.height = output.scrollHeight;
  }

  #end(data, tells) {
    this.#handle = "";
    this.#parts.typing.hidden = true;
    this.#screen?.close();
    const code = data.exit_code === undefined || data.exit_code === null ? "" : ` · exit code ${data.exit_code}`;
    this.ended(data.status, data.error);
    this.#parts.state.textContent += code;
    if (data.exit_code) this.element.dataset.status = "FAILED";
    this.#parts.stop.hidden = !this.#host.acts || data.status === "DENIED";
    if (data.status === "INPUT_REQUIRED") this.#askQuestions(data.questions ?? []);
    if (tells) this.#tell(data, code);
  }

  // What the model needs to know that it was not told in the result.
  async #tell(data, code = "") {
    await pause(0);
    const came = headAndTail(this.#screen ? this.#screen.text() : this.#said, MODEL_MAX_CHARS);
    const questions = (data.questions ?? []).map((asked) => `\nThe agent asks: ${JSON.stringify(asked)}`).join("");
    this.#host.tell(
      `The call of ${data.tool ?? this.#tool} in session ${this.#session} has ended: ${data.status}${code}.` +
        `${data.error ? `\n${data.error}` : ""}${came ? `\nWhat it returned:\n${came}` : ""}${questions}`,
    );
  }

  #askApproval({ arguments: given, command, question }) {
    this.#state("UNANSWERED");
    const decide = async (run) => {
      for (const one of buttons) one.disabled = true;
      try {
        const result = await this.#host.call("decide_command", { ...given, run });
        this.#parts.ask.replaceChildren();
        // What was typed is for a call that goes on, also if it was refused.
        if (!this.#handle) this.begin(result);
        else if (result.isError) this.#problem(textOf(result));
        if (!run && !this.#handle) this.#tell({ status: "DENIED: the user did not allow the command, and it was not run", tool: "run_command" });
      } catch (error) {
        this.#problem(error.message);
        for (const one of buttons) one.disabled = one === run && Boolean(shown.onscroll);
      }
    };
    const run = button("Scroll to the end to run it", () => decide(true), "primary");
    const buttons = [run, button("Don't run it", () => decide(false))];
    const shown = make("pre", { tabIndex: 0, "aria-label": "Command" }, visible(command));
    // Nobody allows what they could not see.
    const look = () => {
      if (!shown.clientHeight || shown.scrollTop + shown.clientHeight < shown.scrollHeight - 2) return;
      Object.assign(run, { disabled: false, textContent: "Run it" });
      shown.onscroll = null;
      resized.disconnect();
    };
    const resized = new ResizeObserver(look);
    run.disabled = true;
    shown.onscroll = look;
    resized.observe(shown);
    const where = make("p", {}, visible(question));
    this.#parts.ask.replaceChildren(where, shown, make("div", { className: "buttons" }, ...buttons));
    if (!this.#host.acts) this.#problem("This host lets the view call no tools, so nothing can be approved here.");
  }

  #askQuestions(questions) {
    // No form: hosts let their frames submit none.
    const form = make("div", { className: "answer", role: "group", "aria-label": "The agent asks" });
    for (const { question = "", name = "" } of questions) {
      form.append(make("p", { dir: "auto" }, visible(question || name)));
    }
    const choices = questions.length === 1 ? choicesOf(questions[0].answer) : [];
    const answer = (text) => {
      this.#parts.ask.replaceChildren(make("p", { className: "answered", dir: "auto" }, `Answered: ${text}`));
      this.#continue(text);
    };
    for (const [label, text] of choices) form.append(button(visible(label), () => answer(text)));
    if (!choices.length) {
      const input = make("textarea", { rows: 2, "aria-label": "Your answer" });
      const send = () => input.value.trim() && answer(input.value);
      input.onkeydown = (event) => event.key === "Enter" && !event.shiftKey && !event.isComposing && (event.preventDefault(), send());
      form.append(input, button("Answer", send, "primary"));
    }
    this.#parts.ask.replaceChildren(form);
  }

  async #continue(prompt) {
    this.#words = undefined;
    this.#state("RUNNING");
    try {
      const result = await this.#host.call(this.#tool || "invoke_agent", { prompt, session_id: this.#session });
      const status = result.structuredContent?.status;
      this.begin(result);
      if (!result.isError && status !== "RUNNING") this.#tell(result.structuredContent);
    } catch (error) {
      this.ended("FAILED", error.message);
    }
  }

  // Lets the user type into a command that runs in a shell that stays.
  #showShell({ shell, asks = "", status }) {
    const { typing } = this.#parts;
    typing.hidden = !shell || status !== "RUNNING";
    if (typing.hidden) return;
    if (!typing.firstChild) {
      const input = make("input", { autocomplete: "off", spellcheck: false, "aria-label": `Type into the shell ${shell}` });
      const send = (text) => (this.#type(text), (input.value = ""));
      input.onkeydown = (event) => event.key === "Enter" && !event.isComposing && send(input.value);
      typing.append(input, button("Send", () => send(input.value), "primary"), button("Ctrl-C", () => send("^C")));
    }
    typing.firstChild.placeholder = asks ? `waits for input: ${visible(asks)}` : "type, and press Enter";
  }

  async #type(input) {
    try {
      const result = await this.#host.call("run_command", { handle: this.#handle, input });
      const asked = result._meta?.[APPROVAL];
      if (asked) return this.#askApproval(asked);
      if (result.isError) return this.#problem(textOf(result));
      // It may have ended with that, and then there is nothing left to watch.
      if (!["RUNNING", "INPUT_REQUIRED"].includes(result.structuredContent.status)) this.#endTyped(result.structuredContent);
    } catch (error) {
      this.#problem(error.message);
    }
  }

  #endTyped(data) {
    if (!this.#handle) return;
    this.#append("stdout", data.stdout);
    this.#end(data, true);
  }

  async #cancel() {
    this.#parts.cancel.disabled = true;
    await this.#call("watch_call", { handle: this.#handle, cancel: true }).catch((error) => this.#problem(error.message));
    this.#parts.cancel.disabled = false;
  }

  async #stop() {
    this.#parts.stop.disabled = true;
    try {
      const { status } = await this.#call("stop_session", { session_id: this.#session });
      this.#parts.stop.textContent = status === "stopped" ? "Session stopped" : "Session already gone";
    } catch (error) {
      this.#problem(error.message);
      this.#parts.stop.disabled = false;
    }
  }

  #showSession(id) {
    this.#session = id;
    Object.assign(this.#parts.session, { hidden: false, title: `Session ${id}`, textContent: id });
  }

  #state(status) {
    this.#parts.state.textContent = STATES[status] ?? status;
    this.element.dataset.status = status;
    this.#tick();
  }

  #tick() {
    this.#parts.elapsed.textContent = duration((Date.now() - this.#began) / 1000);
  }

  #problem(text) {
    Object.assign(this.#parts.problem, { hidden: false, textContent: headAndTail(text, 4000) });
  }
}

// What a result says in its text, where a host passes on nothing else.
function fromText(text) {
  const handle = /handle '([\w-]+)' alone/.exec(text)?.[1];
  return { session_id: /\[?session_id: ([\w-]+)/.exec(text)?.[1], status: handle ? "RUNNING" : "COMPLETED", handle };
}

// The answers that fit a question, if there are few: how each is called, and what the agent gets.
function choicesOf(answer) {
  try {
    const schema = JSON.parse(answer);
    const [[name, one] = [], ...others] = Object.entries(schema.properties ?? {});
    const fitting = ({ type, enum: values }) => (type === "boolean" ? [true, false] : (values ?? []).slice(0, 10));
    if (one && !others.length) return fitting(one).map((value) => [`${name}: ${value}`, JSON.stringify({ [name]: value })]);
    return fitting(schema).map((value) => [String(value), String(value)]);
  } catch {
    return [];
  }
}

// A command's output in a terminal. What it writes to stderr is red and italic.

import { Terminal } from "@xterm/xterm";
import { safeLink } from "./markdown.js";

const LEAST_ROWS = 3;
const MOST_ROWS = 20;
const LEAST_COLUMNS = 20;
const SCROLLBACK = 10_000;
const FONT_SIZE = 12;
// Of more, a screen reader is read nothing aloud, and reads it line by line once the command has ended.
const ALOUD_MAX_CHARS = 20_000;
const STDERR = "\x1b[3;91m";
const AFTER_STDERR = "\x1b[23;39m";
// What a sequence repeats as often as it says, and a hostile one says for hours: characters, tabs, lines, scrolling.
const REPEATING = ["b", "I", "Z", "L", "M", "S", "T"];
const REPEATED_MOST = 1_000;
// Where stderr's own colours end, its mark begins anew.
const RESET = /\x1b\[0*m/g;

export class Screen {
  #terminal;
  #opened = false;
  #written = 0;
  #source = "stdout";

  constructor(open) {
    this.element = document.createElement("div");
    this.element.className = "terminal";
    const activate = (event, url) => safeLink(url) && open(safeLink(url));
    this.#terminal = new Terminal({
      convertEol: true,
      disableStdin: true,
      screenReaderMode: true,
      cursorInactiveStyle: "none",
      logLevel: "off",
      scrollback: SCROLLBACK,
      rows: LEAST_ROWS,
      fontSize: FONT_SIZE,
      linkHandler: { activate, allowNonHttpProtocols: false },
      minimumContrastRatio: 4.5,
    });
    for (const final of REPEATING) this.#terminal.parser.registerCsiHandler({ final }, ([times]) => times > REPEATED_MOST);
    // Nothing is typed here: arrows scroll, and Tab and all else stay the browser's.
    this.#terminal.attachCustomKeyEventHandler(({ type, key }) => {
      const page = this.#terminal.rows - 1;
      const lines = { ArrowUp: -1, ArrowDown: 1, PageUp: -page, PageDown: page }[key];
      if (type === "keydown" && lines) this.#terminal.scrollLines(lines);
      return false;
    });
  }

  write(source, text) {
    if (!this.#opened) this.#open();
    this.#written += text.length;
    if (this.#written > ALOUD_MAX_CHARS) this.#terminal.options.screenReaderMode = false;
    const marked = source === "stderr" ? STDERR + text.replace(RESET, `$&${STDERR}`) + AFTER_STDERR : text;
    // What is from the other one begins a line of its own.
    const apart = source !== this.#source && this.#terminal.buffer.active.cursorX > 0 ? "\r\n" : "";
    this.#source = source;
    this.#terminal.write(apart + marked, () => this.#fit());
  }

  #open() {
    this.#opened = true;
    this.#terminal.open(this.element);
    this.#terminal.textarea.setAttribute("aria-label", "Output of the command");
    this.#terminal.textarea.readOnly = true;
    this.restyle();
    new ResizeObserver(() => this.#fit()).observe(this.element);
  }

  close() {
    this.#terminal.write("", () => (this.#terminal.options.screenReaderMode = true));
  }

  restyle() {
    if (!this.#opened) return;
    const style = getComputedStyle(this.element);
    this.#terminal.options.theme = {
      background: style.backgroundColor,
      foreground: style.color,
      cursor: style.backgroundColor,
      brightRed: style.getPropertyValue("--stderr").trim() || "#c00",
      selectionBackground: "#7aa2f766",
    };
    this.#terminal.options.fontFamily = style.fontFamily;
    this.#fit();
  }

  // As wide as its room, and as high as its text, up to a limit.
  #fit() {
    const cell = this.#terminal.element?.querySelector(".xterm-char-measure-element")?.getBoundingClientRect();
    const style = getComputedStyle(this.element);
    const room = this.element.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight) - 15;
    if (!cell?.width || room <= 0) return;
    const { buffer, rows, cols } = this.#terminal;
    const letters = this.#terminal.element.querySelector(".xterm-char-measure-element").textContent.length;
    const columns = Math.max(LEAST_COLUMNS, Math.floor((room * letters) / cell.width));
    const used = buffer.active.baseY + buffer.active.cursorY + 1;
    const high = Math.min(MOST_ROWS, Math.max(LEAST_ROWS, rows, used));
    if (columns !== cols || high !== rows) this.#terminal.resize(columns, high);
  }

  // Returns what it shows, for the model.
  text() {
    const { active } = this.#terminal.buffer;
    const lines = [];
    for (let row = 0; row < active.length; row++) {
      const line = active.getLine(row);
      const text = line.translateToString(true);
      if (line.isWrapped && lines.length) lines[lines.length - 1] += text;
      else lines.push(text);
    }
    return lines.join("\n").trimEnd();
  }
}

// An agent's words as Markdown, built of elements one by one: no text of an agent is ever parsed as HTML.

import MarkdownIt from "markdown-it";

// Links go where a click may lead, after the browser or the host has asked; images load nothing.
const LINKS = /^(https?|mailto):/i;
const TAGS = new Set(
  "p h1 h2 h3 h4 h5 h6 ul ol li blockquote pre code hr br em strong s table thead tbody tr th td a".split(" "),
);
const DEEPEST = 90;
// What is above this would take seconds, and is shown as it is written.
const MOST_TOKENS = 20_000;
const LONG_CHARS = 50_000;
const parser = new MarkdownIt({ html: false, linkify: false, typographer: false });
parser.block.ruler.before("table", "rest", (state, line, end, silent) => {
  if (silent || state.tokens.length < MOST_TOKENS) return false;
  Object.assign(state.push("fence", "code", 0), { content: state.getLines(line, end, 0, true), map: [line, end] });
  state.line = end;
  return true;
});
parser.validateLink = (url) => LINKS.test(url.trim());

export const safeLink = (url) => {
  try {
    const { href, protocol } = new URL(url);
    return LINKS.test(protocol) ? href : "";
  } catch {
    return "";
  }
};

// Shows words that grow. What is above the block that changes stays in place, with what is selected in it.
export class Words {
  #blocks = [];
  #open;
  #text = "";
  #due = false;

  constructor(open) {
    this.#open = open;
    this.element = document.createElement("div");
    this.element.className = "words";
    this.element.dir = "auto";
    this.element.addEventListener("click", (event) => {
      const link = event.target.closest?.("a[href]");
      if (!link) return;
      event.preventDefault();
      this.#open(link.href);
    });
  }

  // What is added in one go is shown once.
  add(text) {
    this.#text += text;
    if (!this.#due) queueMicrotask(() => this.#show(this.#text));
    this.#due = true;
  }

  #show(text) {
    this.#due = false;
    const lines = text.split("\n");
    let tokens = parser.parse(text, {});
    // What is nested deeper than the parser goes would not be shown, nor what follows it.
    if (tokens.some(({ level }) => level >= DEEPEST)) tokens = [plain(text, [0, lines.length])];
    const blocks = split(tokens, lines);
    let same = 0;
    while (same < blocks.length && this.#blocks[same]?.source === blocks[same].source) same++;
    for (const { nodes } of this.#blocks.splice(same)) for (const node of nodes) node.remove();
    for (const { source, tokens } of blocks.slice(same)) {
      const fragment = document.createDocumentFragment();
      build(tokens, fragment);
      const nodes = [...fragment.childNodes];
      this.element.append(...nodes);
      this.#blocks.push({ source, nodes });
    }
    // All of it is parsed again with each piece, so of a long text what stands above its last block is left as it is.
    if (text.length > LONG_CHARS && blocks.length > 1) {
      this.#text = lines.slice(blocks.at(-1).from).join("\n");
      this.#blocks = this.#blocks.slice(-1);
    }
  }
}

// Returns the tokens of each block at the top, with the lines that it stands for.
function split(tokens, lines) {
  const blocks = [];
  let begin = 0;
  tokens.forEach((token, index) => {
    if (token.level || token.nesting > 0) return;
    const [from, to] = tokens[begin].map ?? [0, 0];
    const text = lines.slice(from, to).join("\n");
    const own = tokens.slice(begin, index + 1);
    // A reference that is defined later changes what stands before it.
    const links = JSON.stringify(own.flatMap((one) => (one.children ?? []).map((child) => child.attrs)));
    blocks.push({ from, source: `${text}\0${links}`, tokens: index < MOST_TOKENS ? own : [plain(text)] });
    begin = index + 1;
  });
  return blocks;
}

const plain = (content, map) => ({ type: "fence", content, level: 0, nesting: 0, map });

function build(tokens, root) {
  const open = [root];
  for (const token of tokens) {
    const parent = open.at(-1);
    if (token.type === "inline") build(token.children, parent);
    else if (token.type === "fence" || token.type === "code_block") parent.append(code(token));
    else if (token.type === "code_inline") parent.append(element("code", token.content));
    else if (token.type === "image") parent.append(`[image: ${token.content}]`);
    else if (token.type === "softbreak") parent.append("\n");
    else if (token.type === "text" || !token.tag) parent.append(token.content);
    else if (token.nesting < 0) open.pop();
    else if (!token.hidden || token.nesting > 0) {
      const made = element(TAGS.has(token.tag) ? token.tag : "span");
      if (token.hidden) made.className = "tight";
      attributes(token, made);
      parent.append(made);
      if (token.nesting > 0) open.push(made);
    }
  }
}

function attributes(token, made) {
  const link = made.tagName === "A" && safeLink(token.attrGet("href") ?? "");
  if (link) {
    made.href = link;
    made.title = link;
    made.rel = "noopener noreferrer";
  }
  if (made.tagName === "OL" && token.attrGet("start")) made.start = Number(token.attrGet("start"));
  const align = /^text-align:(left|center|right)$/.exec(token.attrGet("style") ?? "");
  if (align) made.style.textAlign = align[1];
}

function code(token) {
  const block = element("pre");
  block.tabIndex = 0;
  block.dir = "ltr";
  block.append(element("code", token.content));
  return block;
}

function element(tag, text = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

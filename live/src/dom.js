// Small helpers for elements; all text becomes text nodes.

export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

export const button = (label, onclick, kind = "") => make("button", { type: "button", className: kind, onclick }, label);

export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

// Characters that show nothing, or turn text around, as what they are.
const HIDDEN = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]|[\u{e0000}-\u{e007f}]/gu;

export const visible = (text) => text.replace(HIDDEN, (char) => `\\u{${char.codePointAt(0).toString(16)}}`);

export function headAndTail(text, most) {
  const half = Math.floor(most / 2);
  return text.length <= most ? text : `${text.slice(0, half)}\n[... ${text.length - most} characters left out ...]\n${text.slice(-half)}`;
}

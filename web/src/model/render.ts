// Renders a recorded value as one line of text, much like its Python expression.

import { floatText, safeText, shorten } from "../format/python";
import type { Value } from "../format/values";

const BRACKETS: Record<string, [string, string]> = {
  list: ["[", "]"], tuple: ["(", ")"], set: ["{", "}"], frozenset: ["frozenset({", "})"], "collections.deque": ["deque([", "])"],
};

export function renderValue(value: Value, width = 80): string {
  return shorten(new Renderer(width).value(value), width);
}

export function shortType(name: string): string {
  return safeText(name).split(".").pop() || "?";
}

class Renderer {
  constructor(private left: number) {}

  value(value: Value): string {
    const text = this.text(value);
    this.left -= text.length;
    return text;
  }

  private text(value: Value): string {
    if (value.redacted) return `<redacted ${safeText(value.type)}>`;
    if (value.unavailable !== undefined) return `<${safeText(value.type)}: unavailable, ${value.unavailable}>`;
    if (value.items) return this.sequence(value, value.items);
    if (value.entries) return this.mapping(value, value.entries);
    if (value.attributes) return this.object(value, value.attributes);
    return this.scalar(value);
  }

  private scalar(value: Value): string {
    const shown = value.value;
    let text: string;
    if (typeof shown === "string") text = this.string(value, shown);
    else if (typeof shown === "bigint" || (typeof shown === "number" && value.type !== "float")) text = intText(value, shown);
    else if (typeof shown === "number") text = floatText(shown);
    else text = shown === true ? "True" : shown === false ? "False" : "None";
    return value.id !== undefined && value.type !== "bytearray" ? `${shortType(value.type)}(${text})` : text;
  }

  private string(value: Value, shown: string): string {
    if (value.type === "float" || value.type === "complex") return safeText(shown);
    const kept = shown.slice(0, Math.max(this.left, 0) + 4);
    const isCut = kept.length < shown.length || value.truncated;
    if (value.type === "bytes" || value.type === "bytearray") {
      const text = bytesText(kept);
      const full = value.length ?? shown.length / 2;
      return (value.type === "bytes" ? text : `bytearray(${text})`) + (isCut ? `\u2026(${full} bytes)` : "");
    }
    return quoted(kept) + (isCut ? `\u2026(${value.length ?? shown.length} chars)` : "");
  }

  private sequence(value: Value, items: Value[]): string {
    let [left, right] = BRACKETS[value.type] ?? [`${shortType(value.type)}([`, "])"];
    const fields = value.fields ?? [];
    if (fields.length) [left, right] = [`${shortType(value.type)}(`, ")"];
    else if (value.type === "tuple" && value.length === 1 && items.length === 1) right = ",)";
    else if (value.type === "set" && !value.length) return "set()";
    else if (value.type === "frozenset" && !value.length) return "frozenset()";
    const parts = items.map((item, at) => () => (fields[at] ? `${safeText(fields[at])}=` : "") + this.value(item));
    return this.join(left, right, parts, value);
  }

  private mapping(value: Value, entries: [Value, Value][]): string {
    const name = shortType(value.type);
    const [left, right] = value.type === "dict" ? ["{", "}"] : [`${name}({`, "})"];
    const parts = entries.map(([key, item]) => () => `${this.value(key)}: ${this.value(item)}`);
    return this.join(left, right, parts, value);
  }

  private object(value: Value, attributes: Map<string, Value>): string {
    const known = wellKnown(value.type, attributes);
    if (known !== null) return known;
    const parts = Array.from(attributes, ([name, item]) => () => `${safeText(name)}=${this.value(item)}`);
    return this.join(`${shortType(value.type)}(`, ")", parts, value);
  }

  private join(left: string, right: string, parts: (() => string)[], value: Value): string {
    const shown: string[] = [];
    for (const part of parts) {
      if (this.left <= 0) break;
      shown.push(part());
      this.left -= 2;
    }
    const missing = (value.length ?? parts.length) - shown.length;
    if (missing > 0 && (!value.truncated || value.reason === "items" || value.reason === "attributes")) shown.push(`\u2026+${missing}`);
    else if (value.truncated) shown.push(`\u2026${value.reason}${value.length !== undefined ? `, ${value.length} in all` : ""}`);
    return left + shown.join(", ") + right;
  }
}

function intText(value: Value, shown: number | bigint): string {
  if (value.bits !== undefined) return `${shown < 0 ? "-" : ""}<int of ${value.bits} bits>`;
  if (typeof shown === "number") return String(shown);
  const size = shown < 0n ? -shown : shown;
  const bits = size.toString(2).length;
  if (bits <= 120) return String(shown);
  return `${shown < 0n ? "-" : ""}0x${(size >> BigInt(bits - 32)).toString(16)}\u2026(${bits} bits)`;
}

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let body = text.replaceAll("\\", "\\\\");
  if (quote === "'") body = body.replaceAll("'", "\\'");
  return quote + safeText(body) + quote;
}

function bytesText(hex: string): string {
  let body = "";
  for (let at = 0; at + 1 < hex.length; at += 2) {
    const byte = Number.parseInt(hex.slice(at, at + 2), 16);
    if (byte === 0x27 || byte === 0x5c) body += `\\${String.fromCharCode(byte)}`;
    else if (byte >= 0x20 && byte < 0x7f) body += String.fromCharCode(byte);
    else body += safeText(String.fromCharCode(byte)).length > 1 ? safeText(String.fromCharCode(byte)) : `\\x${hex.slice(at, at + 2)}`;
  }
  return `b'${body}'`;
}

function wellKnown(type: string, attributes: Map<string, Value>): string | null {
  const word = (name: string): string | null => {
    const found = attributes.get(name)?.value;
    return typeof found === "string" ? safeText(found) : null;
  };
  if (type === "function" || type === "method" || type === "builtin_function_or_method") {
    const name = word("qualname");
    return name !== null ? `<${type.split("_")[0]} ${name}>` : null;
  }
  if (type === "module" && attributes.size === 1) return `<module ${word("name")}>`;
  if (type === "type" && attributes.size === 1) return `<class ${word("name")}>`;
  if ([...attributes.keys()].join() === "name,value" && word("name") !== null) {
    return `<${shortType(type)}.${word("name")}: ${renderValue(attributes.get("value")!, 60)}>`;
  }
  return null;
}

// The parts of a value that can be opened, each with a label.
export function partsOf(value: Value): [label: string, part: Value][] {
  if (value.items) return value.items.map((item, at) => [value.fields?.[at] ? safeText(value.fields[at]) : String(at), item]);
  if (value.entries) return value.entries.map(([key, item]) => [renderValue(key, 40), item]);
  if (value.attributes && wellKnown(value.type, value.attributes) === null) {
    return Array.from(value.attributes, ([name, item]) => [safeText(name), item]);
  }
  return [];
}

// Why a value is not whole, for people; empty where it is.
export function cutNote(value: Value): string {
  if (value.redacted) return "hidden: its name says that it is a secret";
  if (value.unavailable !== undefined) return `not recorded: ${value.unavailable}`;
  if (!value.truncated) return "";
  const size = value.bits !== undefined ? `${value.bits} bits` : value.length !== undefined ? `${value.length} in all` : "";
  return `cut: ${value.reason}${size ? `, ${size}` : ""}`;
}

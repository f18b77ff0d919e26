// Finds moments by what was recorded: `fn:`, `file:`, `var:`, `val:`, `exc:`, `out:`, `line:`, or any of them.

import type { Event } from "../format/decode";
import { NONE } from "../format/scan";
import { safeText } from "../format/python";
import { KINDS } from "../format/vocabulary";
import { renderValue } from "./render";
import type { Trace } from "./trace";

export const FIELDS = ["fn", "file", "var", "val", "exc", "out", "line"] as const;
export type Field = (typeof FIELDS)[number];

const SLICE_MS = 50;

export interface Term {
  field: Field | null;
  text: string;
}

export interface Result {
  n: number;
  what: string;
}

// Splits at blanks outside of double quotes. An unknown prefix is a part of the text.
export function parseQuery(query: string): Term[] {
  const terms: Term[] = [];
  for (const [, prefix, quoted, plain] of query.matchAll(/(?:([a-z]+):)?(?:"([^"]*)"?|(\S+))/g)) {
    const field = FIELDS.find((one) => one === prefix) ?? null;
    const text = quoted ?? plain ?? "";
    const whole = field === null && prefix !== undefined ? `${prefix}:${text}` : text;
    if (whole) terms.push({ field, text: whole.toLowerCase() });
  }
  return terms;
}

const needsValues = (terms: Term[]): boolean => terms.some(({ field }) => field === null || !["fn", "file", "line"].includes(field));

// Gives results in order, block by block; `isCancelled` is asked between blocks.
export async function search(
  trace: Trace, query: string, most: number, found: (results: Result[], part: number) => void, isCancelled: () => boolean,
): Promise<{ results: Result[]; isCut: boolean }> {
  const terms = parseQuery(query);
  const results: Result[] = [];
  if (!terms.length) return { results, isCut: false };
  const isByCall = terms.every(({ field }) => field === "fn" || field === "file");
  if (!needsValues(terms)) {
    const { index } = trace;
    for (let n = index.first; n < index.stop; n++) {
      const frame = index.frame(n);
      if (frame === null || (isByCall && n !== frame.first)) continue;
      if (!isByCall && KINDS[index.kind(n)] !== "line") continue;
      if (!terms.every((term) => matchesPlace(term, frame.code!.name, frame.code!.file, index.line(n)))) continue;
      if (results.length >= most) return { results, isCut: true };
      results.push({ n, what: "" });
    }
    return { results, isCut: false };
  }
  for (let at = 0; at < trace.blockCount; at++) {
    if (isCancelled()) break;
    let began = performance.now();
    for (const event of (await trace.decodedBlock(at)).events) {
      // Values are shown now, and there can be much in them.
      if (performance.now() - began > SLICE_MS) {
        await new Promise((resolve) => setTimeout(resolve, 0));
        if (isCancelled()) return { results, isCut: false };
        began = performance.now();
      }
      const what = matches(event, terms);
      if (what === null) continue;
      if (results.length >= most) return { results, isCut: true };
      results.push({ n: event.n, what });
    }
    found(results, (at + 1) / trace.blockCount);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return { results, isCut: false };
}

function matchesPlace({ field, text }: Term, name: string, file: string, line: number): boolean {
  if (field === "fn") return name.toLowerCase().includes(text);
  if (field === "file") return file.toLowerCase().includes(text);
  const [path, number] = text.includes(":") ? [text.slice(0, text.lastIndexOf(":")), text.slice(text.lastIndexOf(":") + 1)] : ["", text];
  return String(line) === number && file.toLowerCase().endsWith(path);
}

// What of an event matches all terms, in words; null where it does not.
function matches(event: Event, terms: Term[]): string | null {
  if (event.code === null && event.text === null) return null;
  let words: string | null = null;
  for (const term of terms) {
    const found = matchesOne(event, term);
    if (found === null) return null;
    if (found) words = found;
  }
  return words ?? "";
}

function matchesOne(event: Event, term: Term): string | null {
  const { field, text } = term;
  const { code } = event;
  if (field === "fn" || field === "file" || field === "line") {
    return code !== null && matchesPlace(term, code.name, code.file, event.line ?? NONE) ? "" : null;
  }
  const isAny = field === null;
  if ((isAny || field === "exc") && event.exception && event.kind !== "unwind") {
    const words = `${event.exception.type}: ${event.exception.message}`;
    if (words.toLowerCase().includes(text)) return safeText(words.split("\n")[0]!);
  }
  if ((isAny || field === "out") && event.text && typeof event.text.value === "string") {
    if (event.text.value.toLowerCase().includes(text)) return safeText(event.text.value.trim());
  }
  if (isAny && event.kind === "call" && code!.name.toLowerCase().includes(text)) return `call of ${safeText(code!.name)}`;
  if (isAny || field === "var" || field === "val") {
    for (const values of [event.args, event.changes]) {
      for (const [name, value] of values ?? []) {
        const isName = field !== "val" && name.toLowerCase().includes(text);
        if (!isName && field === "var") continue;
        const shown = renderValue(value, 400);
        if (isName || shown.toLowerCase().includes(text)) return `${safeText(name)} = ${shown}`;
      }
    }
    if (field !== "var" && event.value) {
      const shown = renderValue(event.value, 400);
      if (shown.toLowerCase().includes(text)) return `${event.kind} ${shown}`;
    }
  }
  return null;
}

// Finds the piece of a source line that an event comes from: which of its calls, what of it has failed.

import type { Position } from "../format/definitions";
import type { Event } from "../format/decode";
import { safeText } from "../format/python";
import { NONE } from "../format/scan";
import { KINDS } from "../format/vocabulary";
import { stack } from "./navigate";
import type { Token } from "./syntax";
import type { Trace } from "./trace";

export type Marked = [...Token, isMarked: boolean];

// A line as the page shows it.
export function shownLine(line: string): string {
  return safeText(line.replace(/\t/g, "    "));
}

// Where a piece begins and ends in a line as it is shown; null where it is not in it, or is all of it.
export function markOf(line: string, number: number, position: Position | null): [start: number, end: number] | null {
  if (position === null || number < position.line || number > position.endLine) return null;
  const bytes = new TextEncoder().encode(line);
  const upTo = (column: number): number => shownLine(new TextDecoder().decode(bytes.subarray(0, column))).length;
  const whole = shownLine(line).trimEnd();
  const indent = whole.length - whole.trimStart().length;
  const start = number === position.line ? upTo(position.column) : indent;
  const end = Math.min(number === position.endLine ? upTo(position.endColumn) : whole.length, whole.length);
  return start >= end || (start <= indent && end === whole.length) ? null : [start, end];
}

// The words of a line, cut where a piece begins and ends.
export function markWords(tokens: readonly Token[], mark: [start: number, end: number] | null): Marked[] {
  const out: Marked[] = [];
  let at = 0;
  for (const [word, text] of tokens) {
    const cuts = mark === null ? [] : mark.map((one) => Math.min(Math.max(one - at, 0), text.length));
    const [from, to] = [cuts[0] ?? 0, cuts[1] ?? 0];
    if (from > 0) out.push([word, text.slice(0, from), false]);
    if (to > from) out.push([word, text.slice(from, to), true]);
    if (to < text.length) out.push([word, text.slice(Math.max(from, to)), false]);
    at += text.length;
  }
  return out;
}

const MOST_LOOKED_THROUGH = 1000;

// The piece of the line at which a frame stands at `n`: of its own event, or of the call that runs in it.
export async function positionIn(trace: Trace, frame: number, n: number, own: Event | null): Promise<Position | null> {
  const { index } = trace;
  const inner = index.frame(n);
  const all = inner === null ? [] : stack(index, inner.index);
  const callee = all[all.indexOf(frame) + 1];
  if (!all.includes(frame)) return null;
  if (callee === undefined) return own?.kind === "raise" || own?.kind === "unwind" ? own.position : null;
  const first = index.frames[callee]!.first;
  let left = MOST_LOOKED_THROUGH;
  // One that was suspended may have been resumed from elsewhere.
  for (let m = trace.lastEventOf(callee, n); m !== NONE && m > first; m = index.prevInFrame(m)) {
    if (KINDS[index.kind(m)] === "resume" || --left < 0) return null;
  }
  return (await trace.event(first))?.position ?? null;
}

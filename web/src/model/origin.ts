// Follows a value back: through assignments, returns, arguments and plain copies.

import { NONE } from "../format/scan";
import type { Value } from "../format/values";
import { KINDS } from "../format/vocabulary";
import { isEqualTo } from "./changes";
import { preceding } from "./navigate";
import type { Trace } from "./trace";

const MOST_HOPS = 12;
const MOST_CALLEES = 2000;

export interface Hop {
  n: number; // the moment to go to
  frame: number;
  name: string | null;
  how: "assigned" | "changed in place" | "returned" | "argument" | "known at the start";
  value: Value;
}

// Where the value of a variable came from, the nearest reason first.
export async function originOf(trace: Trace, frame: number, n: number, name: string): Promise<Hop[]> {
  const hops: Hop[] = [];
  let at: { frame: number; n: number; name: string } | null = { frame, n, name };
  while (at !== null && hops.length < MOST_HOPS) at = await follow(trace, at.frame, at.n, at.name, hops);
  return hops;
}

async function follow(
  trace: Trace, frame: number, n: number, name: string, hops: Hop[],
): Promise<{ frame: number; n: number; name: string } | null> {
  const { index } = trace;
  const value = (await trace.valuesAt(frame, n)).get(name);
  if (value === undefined) return null;
  const write = preceding(trace.writes(frame, name), trace.lastEventOf(frame, n) + 1);
  if (write === NONE) return fromCaller(trace, frame, name, value, hops);
  const line = ownerOf(trace, write);
  const before = line === NONE ? undefined : (await trace.valuesAt(frame, line)).get(name);
  const isInPlace = before?.id !== undefined && before.id === value.id;
  hops.push({ n: line === NONE ? write : line, frame, name, how: isInPlace ? "changed in place" : "assigned", value });
  if (line === NONE || isInPlace) return null;
  const returned = await returnBetween(trace, frame, line, write, value);
  if (returned !== null) {
    const callee = index.frame(returned)!;
    hops.push({ n: returned, frame: callee.index, name: null, how: "returned", value });
    const source = await nameWithValue(trace, callee.index, returned, value, name, /^\s*return\s+([A-Za-z_]\w*)\s*(?:#.*)?$/);
    return source === null ? null : { frame: callee.index, n: returned, name: source };
  }
  const copied = await nameWithValue(trace, frame, line, value, name, /=\s*([A-Za-z_]\w*)\s*(?:#.*)?$/);
  return copied === null ? null : { frame, n: line, name: copied };
}

// An argument: the moment of the call in the caller, and the variable there that holds the same value.
async function fromCaller(
  trace: Trace, frame: number, name: string, value: Value, hops: Hop[],
): Promise<{ frame: number; n: number; name: string } | null> {
  const { index } = trace;
  const row = index.frames[frame]!;
  const isArgument = KINDS[index.kind(row.first)] === "call";
  hops.push({ n: row.first, frame, name, how: isArgument ? "argument" : "known at the start", value });
  if (!isArgument || row.parent === NONE) return null;
  const call = trace.lastEventOf(row.parent, row.first);
  if (call === NONE) return null;
  const values = await trace.valuesAt(row.parent, call);
  const text = await lineText(trace, row.parent, call);
  const words: string[] = text.match(/[A-Za-z_]\w*/g) ?? [];
  const source = words.find((word) => values.has(word) && isEqualTo(values.get(word)!, value));
  if (source !== undefined) return { frame: row.parent, n: call, name: source };
  hops.push({ n: call, frame: row.parent, name: null, how: "argument", value });
  return null;
}

// The line that made a change: changes are seen at the frame's next event.
export function ownerOf(trace: Trace, write: number): number {
  const { index } = trace;
  for (let m = index.prevInFrame(write); m !== NONE; m = index.prevInFrame(m)) {
    const kind = KINDS[index.kind(m)];
    if (kind === "line" || kind === "call" || kind === "resume") return m;
  }
  return NONE;
}

async function returnBetween(trace: Trace, frame: number, from: number, to: number, value: Value): Promise<number | null> {
  const { index } = trace;
  let looked = 0;
  for (let m = to - 1; m > from && looked < MOST_CALLEES; m--, looked++) {
    if (KINDS[index.kind(m)] !== "return" || index.frame(m)?.parent !== frame) continue;
    const event = await trace.event(m);
    // Most results are other objects, which need not be shown to say so.
    if (typeof event?.held === "number" && event.held !== value.id) continue;
    if (event?.value && isEqualTo(event.value, value)) return m;
  }
  return null;
}

async function nameWithValue(
  trace: Trace, frame: number, n: number, value: Value, not: string, pattern: RegExp,
): Promise<string | null> {
  const name = pattern.exec(await lineText(trace, frame, n))?.[1];
  if (name === undefined || name === not) return null;
  const found = (await trace.valuesAt(frame, n)).get(name);
  return found !== undefined && isEqualTo(found, value) ? name : null;
}

async function lineText(trace: Trace, frame: number, n: number): Promise<string> {
  const file = trace.index.frames[frame]?.code?.file;
  const source = file === undefined ? null : await trace.source(file);
  return source?.lines[trace.index.line(n) - 1] ?? "";
}

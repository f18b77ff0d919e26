// Answers where a step leads from a moment. A moment is the number of an event that has a frame; all
// functions give NONE where there is no such moment.

import { type Index, NONE } from "../format/scan";
import { KINDS } from "../format/vocabulary";

const ENTRIES = new Set(["call", "resume", "throw"]);
const EXITS = new Set(["yield", "return", "unwind"]);

const kind = (index: Index, n: number): string => KINDS[index.kind(n)]!;

// The next moment of the same thread.
export function into(index: Index, n: number): number {
  const thread = index.frame(n)?.thread;
  for (let m = n + 1; m < index.stop; m++) {
    const frame = index.frame(m);
    if (frame !== null && (thread === undefined || frame.thread === thread)) return m;
  }
  return NONE;
}

export function intoBack(index: Index, n: number): number {
  const thread = index.frame(n)?.thread;
  for (let m = n - 1; m >= index.first; m--) {
    const frame = index.frame(m);
    if (frame !== null && (thread === undefined || frame.thread === thread)) return m;
  }
  return NONE;
}

// The next moment of the frame; after its end, or where it gave control away, that of whoever runs next.
export function over(index: Index, n: number): number {
  if (EXITS.has(kind(index, n))) return into(index, n);
  const next = index.nextInFrame(n);
  return next !== NONE ? next : into(index, n);
}

export function overBack(index: Index, n: number): number {
  if (ENTRIES.has(kind(index, n))) return intoBack(index, n);
  const before = index.prevInFrame(n);
  return before !== NONE ? before : intoBack(index, n);
}

// The moment after the frame has returned, raised or given control away.
export function out(index: Index, n: number): number {
  for (let m = n; m !== NONE; m = index.nextInFrame(m)) if (EXITS.has(kind(index, m))) return into(index, m);
  return NONE;
}

// The moment before the frame was called or went on.
export function outBack(index: Index, n: number): number {
  for (let m = n; ; m = index.prevInFrame(m)) {
    if (ENTRIES.has(kind(index, m)) || index.prevInFrame(m) === NONE) return intoBack(index, m);
  }
}

// The executions of a line, in order; of its calls where lines were not recorded.
export function executions(index: Index, file: string, line: number): number[] {
  const frames = new Uint8Array(index.frames.length);
  for (const frame of index.frames) if (frame.code?.file === file) frames[frame.index] = 1;
  const found: number[] = [];
  const calls: number[] = [];
  for (let n = index.first; n < index.stop; n++) {
    const at = index.frameOf[n - index.first]!;
    if (at === NONE || frames[at] === 0 || index.line(n) !== line) continue;
    if (kind(index, n) === "line") found.push(n);
    else if (kind(index, n) === "call") calls.push(n);
  }
  return found.length ? found : calls;
}

// How often each line of a file ran.
export function hits(index: Index, file: string): Map<number, number> {
  const frames = new Uint8Array(index.frames.length);
  for (const frame of index.frames) if (frame.code?.file === file) frames[frame.index] = 1;
  const counts = new Map<number, number>();
  for (let n = index.first; n < index.stop; n++) {
    const at = index.frameOf[n - index.first]!;
    if (at === NONE || frames[at] === 0) continue;
    const word = kind(index, n);
    const line = index.line(n);
    if (word === "line") counts.set(line, (counts.get(line) ?? 0) + 1);
    else if (!counts.has(line) && (word === "call" || word === "return" || word === "raise")) counts.set(line, 0);
  }
  return counts;
}

// In a sorted list of moments: the first after `n`, the last before it.
export function following(moments: readonly number[], n: number): number {
  let low = 0;
  let high = moments.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (moments[middle]! > n) high = middle;
    else low = middle + 1;
  }
  return moments[low] ?? NONE;
}

export function preceding(moments: readonly number[], n: number): number {
  let low = 0;
  let high = moments.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (moments[middle]! < n) low = middle + 1;
    else high = middle;
  }
  return low > 0 ? moments[low - 1]! : NONE;
}

// The frames from the outermost caller to this one.
export function stack(index: Index, frame: number): number[] {
  const found: number[] = [];
  for (let at = frame; at !== NONE; at = index.frames[at]!.parent) found.push(at);
  return found.reverse();
}

// Counts the iterations of the loop around a moment.

import { type Index, NONE } from "../format/scan";
import { KINDS } from "../format/vocabulary";

export type Loop = [line: number, body: number, end: number];

export interface Iterations {
  line: number;
  frame: number;
  first: number; // the moments that belong to this run of the loop
  last: number;
  starts: number[]; // the first moment of each iteration
}

// The iterations of the innermost loop around a moment, null where there is none.
export function iterationsAt(index: Index, loops: Loop[], n: number, before: Iterations | null): Iterations | null {
  const line = index.line(n);
  let found: Loop | null = null;
  for (const loop of loops) if (loop[0] <= line && line <= loop[2] && (found === null || loop[0] >= found[0])) found = loop;
  const frame = index.frame(n);
  if (found === null || frame === null) return null;
  if (before !== null && before.line === found[0] && before.frame === frame.index && before.first <= n && n <= before.last) return before;
  const [head, body, end] = found;
  const isInside = (m: number): boolean => m !== NONE && index.line(m) >= head && index.line(m) <= end;
  let first = n;
  while (isInside(index.prevInFrame(first))) first = index.prevInFrame(first);
  const starts: number[] = [];
  const bodies: number[] = [];
  let heads = 0;
  let last = first;
  let lineBefore = 0;
  for (let m = first; isInside(m); m = index.nextInFrame(m)) {
    last = m;
    if (KINDS[index.kind(m)] !== "line") continue;
    const at = index.line(m);
    if (at < body) heads++;
    if (at === body) bodies.push(m);
    if (at === body && lineBefore < body) starts.push(m);
    lineBefore = at;
  }
  // `while True` does not come by its head again. A body on the line of its head gives one moment in all.
  const all = heads <= 1 && bodies.length > starts.length && !loops.some((loop) => loop[0] === body) ? bodies : starts;
  return all.length ? { line: head, frame: frame.index, first, last, starts: all } : null;
}

// The number of the iteration at a moment, from 1; 0 before the first.
export function iterationOf(iterations: Iterations, n: number): number {
  let count = 0;
  for (const start of iterations.starts) {
    if (start > n) break;
    count++;
  }
  return count;
}

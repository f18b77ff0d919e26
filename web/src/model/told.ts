// Says of one object what became of it: the records that tell of it are found when all events are walked, and
// only the blocks that hold some are decoded.

import { NONE } from "../format/scan";
import type { Value } from "../format/values";
import { isEqualTo } from "./changes";
import { ownerOf } from "./origin";
import type { Trace } from "./trace";

export interface ObjectChange {
  n: number; // the event at which it was found
  owner: number; // the event at whose line it was made, NONE where that is not known
  old: Value | null; // null where the object came into view
  value: Value;
  isDoubtful: boolean; // it may be another object, which got the address of the first
}

export interface ObjectStory {
  changes: ObjectChange[];
  isCut: boolean; // there is more, before or after
}

// How an object came into view, and what changed in it itself, in order; about `most` of them around event `n`.
export async function storyOf(trace: Trace, number: number, n: number, most: number): Promise<ObjectStory> {
  const rows = trace.toldOf(number);
  const middle = Math.max(0, rows.findIndex((row) => row.n > n));
  const start = Math.max(0, Math.min(middle - most / 2, rows.length - most));
  const some = rows.slice(start, start + most);
  const changes: ObjectChange[] = [];
  let last: { n: number; block: unknown; value: Value } | null = null;
  let whole: Value | null = null; // at the bound on depth only the length is known
  for (const [at, row] of some.entries()) {
    const decoded = await trace.blockOf(row.n);
    const value = decoded?.objects.valueOf(number, row.n) ?? null;
    if (decoded === null || value === null) continue;
    // What it was just before, with what is in it.
    let old = last !== null && last.block === decoded ? decoded.objects.valueOf(number, Math.max(last.n, row.n - 1)) : (last?.value ?? null);
    if (old !== null && isHead(old)) old = whole ?? old;
    const isFirst = start + at === 0;
    const isResized = last !== null && lengthOf(last.value) !== lengthOf(value);
    const isChanged = old !== null && (isResized || !(isHead(value) || isHead(old) || isSameItself(old, value)));
    if (isFirst || isChanged) {
      const isDoubtful = row.isDoubtful && (old === null || !sharesAnEnd(old, value));
      changes.push({ n: row.n, owner: makerOf(trace, row.n), old: isFirst ? null : old, value, isDoubtful });
    }
    if (!isHead(value)) whole = value;
    last = { n: row.n, block: decoded, value };
  }
  return { changes, isCut: some.length < rows.length || trace.index.told.isCut };
}

// The event at whose line that was made which event `n` shows; before a call that is its caller's.
function makerOf(trace: Trace, n: number): number {
  const frame = trace.index.frame(n);
  if (frame === null || n !== frame.first || frame.parent === NONE) return ownerOf(trace, n);
  return trace.lastEventOf(frame.parent, n);
}

// Whether the first or the last part is as it was: the change is then in between, and it is the same object.
function sharesAnEnd(a: Value, b: Value): boolean {
  const [before, after] = [partsIn(a), partsIn(b)];
  if (before.length === 0 || after.length === 0) return false;
  const isSamePart = (one: Value[], other: Value[]): boolean => one.every((value, at) => isEqualTo(value, other[at]!));
  return isSamePart(before[0]!, after[0]!) || isSamePart(before.at(-1)!, after.at(-1)!);
}

function partsIn(value: Value): Value[][] {
  if (value.items) return value.items.map((item) => [item]);
  if (value.entries) return value.entries;
  return Array.from(value.attributes ?? [], ([name, item]) => [{ type: "str", value: name }, item]);
}

const isHead = (value: Value): boolean => value.reason === "depth";
const lengthOf = (value: Value): number | undefined => value.length ?? value.attributes?.size;

// Whether two values of an object hold the same scalars and the same objects.
function isSameItself(a: Value, b: Value): boolean {
  if (a.value !== b.value || a.items?.length !== b.items?.length) return false;
  if (a.items && b.items) return a.items.every((item, at) => isEqualTo(item, b.items![at]!));
  if (a.entries && b.entries) {
    return a.entries.length === b.entries.length
      && a.entries.every(([key, item], at) => isEqualTo(key, b.entries![at]![0]) && isEqualTo(item, b.entries![at]![1]));
  }
  if (a.attributes && b.attributes) {
    if (a.attributes.size !== b.attributes.size) return false;
    for (const [name, item] of a.attributes) {
      const other = b.attributes.get(name);
      if (other === undefined || !isEqualTo(item, other)) return false;
    }
  }
  return true;
}

// Makes the rows of the call tree: what is open, with recursion folded and a filter applied.

import { type FrameRow, type Index, NONE } from "../format/scan";

export interface Row {
  frame: number;
  depth: number;
  isOpen: boolean;
  hasInside: boolean;
  // For a row that stands for a run of recursive calls: how many there are.
  folded: number;
  position: number;
  siblings: number;
}

export interface TreeView {
  rows: Row[];
  hidden: number;
}

// `opened` holds frames that somebody opened; `unfolded` frames whose recursion is shown.
export function treeRows(index: Index, opened: Set<number>, unfolded: Set<number>, filter: string): TreeView {
  const wanted = filter.trim() ? matching(index, filter.trim().toLowerCase()) : null;
  const rows: Row[] = [];
  const shown = (frames: readonly number[]): readonly number[] => (wanted === null ? frames : frames.filter((at) => wanted.has(at)));
  // A trace can be deeper than the stack of a browser.
  const levels = [{ frames: shown(index.roots), next: 0 }];
  while (levels.length) {
    const level = levels[levels.length - 1]!;
    const at = level.frames[level.next++];
    if (at === undefined) {
      levels.pop();
      continue;
    }
    const frame = index.frames[at]!;
    const isFold = wanted === null && isRecursive(index, frame) && !unfolded.has(at) && !isRecursive(index, index.frames[frame.parent]!);
    const children = shown(frame.children);
    const isOpen = !isFold && children.length > 0 && (wanted !== null || opened.has(at));
    rows.push({
      frame: at, depth: levels.length - 1, isOpen, hasInside: isFold || children.length > 0, folded: isFold ? runLength(index, frame) : 0,
      position: level.next, siblings: level.frames.length,
    });
    if (isOpen) levels.push({ frames: children, next: 0 });
  }
  return { rows, hidden: wanted === null ? 0 : index.frames.length - wanted.size };
}

function isRecursive(index: Index, frame: FrameRow): boolean {
  const parent = frame.parent === NONE ? null : index.frames[frame.parent]!;
  return parent !== null && parent.code !== null && parent.code === frame.code;
}

// How many calls of the same function lie in an unbroken run below and with this one.
function runLength(index: Index, frame: FrameRow): number {
  let count = 0;
  const waiting = [frame.index];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    count++;
    for (const child of index.frames[at]!.children) if (index.frames[child]!.code === frame.code) waiting.push(child);
  }
  return count;
}

function matching(index: Index, text: string): Set<number> {
  const found = new Set<number>();
  for (const frame of index.frames) {
    if (!frame.code?.name.toLowerCase().includes(text) && !frame.code?.file.toLowerCase().includes(text)) continue;
    for (let at = frame.index; at !== NONE && !found.has(at); at = index.frames[at]!.parent) found.add(at);
  }
  return found;
}

// Opens what leads to a frame.
export function reveal(index: Index, frame: number, opened: Set<number>, unfolded: Set<number>): void {
  for (let at = frame; at !== NONE; at = index.frames[at]!.parent) {
    if (at !== frame) opened.add(at);
    if (isRecursive(index, index.frames[at]!)) unfolded.add(at);
  }
}

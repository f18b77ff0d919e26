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
  const visit = (frames: number[], depth: number): void => {
    const shown = wanted === null ? frames : frames.filter((at) => wanted.has(at));
    shown.forEach((at, position) => {
      const frame = index.frames[at]!;
      const isFold = wanted === null && isRecursive(index, frame) && !unfolded.has(at) && !isRecursive(index, index.frames[frame.parent]!);
      const inside = wanted === null ? frame.children.length : frame.children.filter((child) => wanted.has(child)).length;
      const isOpen = !isFold && inside > 0 && (wanted !== null || opened.has(at));
      const folded = isFold ? runLength(index, frame) : 0;
      rows.push({ frame: at, depth, isOpen, hasInside: isFold || inside > 0, folded, position: position + 1, siblings: shown.length });
      if (isOpen) visit(frame.children, depth + 1);
    });
  };
  visit(index.roots, 0);
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

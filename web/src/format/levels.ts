// Keeps how many levels of its values each frame of a block shows, and from which event on.

import { Malformed } from "./bytes";
import { MAX_BLOCK_FRAMES } from "./vocabulary";

// Counts the records of a block; more than one may have are a fault.
export class LevelCount {
  private count = 0;

  take(): void {
    if (++this.count > MAX_BLOCK_FRAMES) throw new Malformed("a block says more of levels than one may");
  }
}

// A frame that no record is about shows all. `bound` is the bound of the recording on depth: a frame shows one
// level at least and no more than that, whatever a record says.
export class FrameLevels {
  private readonly since = new Map<number, { n: number; levels: number }[]>();
  private readonly count = new LevelCount();

  constructor(private readonly bound: number) {}

  // Takes in a record before event `n`.
  take(frame: number, levels: number, n: number): void {
    this.count.take();
    const told = { n, levels: Math.min(Math.max(levels, 1), this.bound) };
    const since = this.since.get(frame);
    if (since === undefined) this.since.set(frame, [told]);
    else since.push(told);
  }

  // The levels that a frame shows at an event; null where that is all of them.
  at(frame: number, n: number): number | null {
    const since = this.since.get(frame);
    if (since === undefined) return null;
    let low = 0;
    let high = since.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (since[middle]!.n <= n) low = middle + 1;
      else high = middle;
    }
    const told = since[low - 1];
    return told === undefined || told.levels >= this.bound ? null : told.levels;
  }
}

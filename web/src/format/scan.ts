// Walks all events once, without their values, and keeps what the page asks of every moment: kind, frame and
// line of each, the events before and after it in its frame, the frames, the marks, and which names changed.

import { Cursor, Malformed } from "./bytes";
import { type CodeInfo, type Definitions, known } from "./definitions";
import { MAX_TOLD } from "./limits";
import { LevelCount } from "./levels";
import { skipRecord, skipValue } from "./skip";
import { KINDS, Op, WITH_LINE, WITH_TIME } from "./vocabulary";

export const NONE = -1;

export interface FrameRow {
  index: number;
  number: number;
  code: CodeInfo | null;
  parent: number; // index of the frame that called it, or NONE
  thread: number;
  depth: number;
  first: number;
  last: number;
  end: "open" | "return" | "unwind";
  children: readonly number[];
}

// Most calls call nothing.
const NO_CHILDREN: readonly number[] = [];

export interface Span {
  phase: number;
  name: string;
  begin: number;
  end: number; // NONE where it never ended
  outcome: string;
}

// Numbers of events are those of the trace; what is not in this page comes before `first`.
export class Index {
  readonly kinds: Uint8Array;
  readonly frameOf: Int32Array;
  readonly lines: Int32Array;
  readonly before: Int32Array;
  readonly after: Int32Array;
  readonly times: Float64Array;
  readonly frames: FrameRow[] = [];
  readonly roots: number[] = [];
  readonly marks = { raise: [] as number[], output: [] as number[], log: [] as number[], gap: [] as number[] };
  readonly spans: Span[] = [];
  readonly writes: Pairs;
  readonly told = new ToldRows();
  secrets = 0;
  deepest = 0;
  damage: string | null = null;
  // One past the last event that was read.
  stop: number;

  constructor(
    readonly first: number,
    count: number,
  ) {
    this.stop = first;
    this.kinds = new Uint8Array(count);
    this.frameOf = new Int32Array(count).fill(NONE);
    this.lines = new Int32Array(count);
    this.before = new Int32Array(count).fill(NONE);
    this.after = new Int32Array(count).fill(NONE);
    this.times = new Float64Array(count);
    this.writes = new Pairs(count >> 1);
  }

  has(n: number): boolean {
    return n >= this.first && n < this.stop;
  }
  kind(n: number): number {
    return this.kinds[n - this.first]! & Op.MASK;
  }
  hasChanges(n: number): boolean {
    return (this.kinds[n - this.first]! & Op.CHANGES) !== 0;
  }
  frame(n: number): FrameRow | null {
    const at = this.frameOf[n - this.first];
    return at === undefined || at === NONE ? null : this.frames[at]!;
  }
  line(n: number): number {
    return this.lines[n - this.first]!;
  }
  prevInFrame(n: number): number {
    return this.before[n - this.first]!;
  }
  nextInFrame(n: number): number {
    return this.after[n - this.first]!;
  }
  time(n: number): number {
    return this.times[n - this.first]!;
  }
}

// Pairs of an event and the number of a name that it changed, in order of the events.
export class Pairs {
  events: Int32Array<ArrayBuffer>;
  names: Int32Array<ArrayBuffer>;
  size = 0;

  constructor(expected: number) {
    this.events = new Int32Array(expected + 1);
    this.names = new Int32Array(expected + 1);
  }

  push(event: number, name: number): void {
    if (this.size === this.events.length) {
      this.events = grown(this.events);
      this.names = grown(this.names);
    }
    this.events[this.size] = event;
    this.names[this.size++] = name;
  }
}

function grown(array: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}

// The records that tell of objects, in order of the events: the number of each, and whether it may be another
// one at the same address. Those of numbers that no recording of ours gives are not kept.
export class ToldRows {
  events = new Int32Array(64);
  numbers = new Int32Array(64);
  doubtful = new Int32Array(64);
  size = 0;
  isCut = false; // there are more than the page holds

  push(event: number, number: number, isDoubtful: boolean): void {
    if (number > 0x7fffffff || this.size >= MAX_TOLD) {
      this.isCut = true;
      return;
    }
    if (this.size === this.events.length) {
      this.events = grown(this.events);
      this.numbers = grown(this.numbers);
      this.doubtful = grown(this.doubtful);
    }
    this.events[this.size] = event;
    this.numbers[this.size] = number;
    this.doubtful[this.size++] = isDoubtful ? 1 : 0;
  }
}

interface Live {
  row: number; // index in `frames`, or NONE until its first event, or for what is no frame of code
  number: number;
  code: CodeInfo | null;
  thread: number;
  parent: number; // its number
  line: number;
}

export class Scanner {
  private readonly rows = new Map<number, number>();
  private readonly tails: number[] = [];
  private openSpans: number[] = [];

  constructor(
    private readonly index: Index,
    private readonly defs: Definitions,
  ) {}

  // Takes in a block; what comes before a fault is taken in, and the fault is kept.
  feed(data: Uint8Array, first: number, baseUs: number, count: number): void {
    const { index } = this;
    if (index.damage !== null) return;
    try {
      this.block(new Cursor(data), first, baseUs, count);
      if (index.stop < first + count) throw new Malformed(`${count} events were written, ${index.stop - first} can be read`);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      index.damage = `a record is damaged: ${error.message}`;
    }
  }

  private block(cursor: Cursor, first: number, baseUs: number, count: number): void {
    const { index, defs } = this;
    const live = new Map<number, Live>();
    const levels = new LevelCount();
    let current: Live | null = null;
    let timeUs = baseUs;
    let n = first;
    const stop = first + count;
    while (n < stop && cursor.at < cursor.end) {
      const head = cursor.byte();
      const op = head & Op.MASK;
      if (op === Op.SWITCH) {
        current = known(live, cursor.uv(), "frame");
        continue;
      }
      if (op === Op.FRAME) {
        const number = cursor.uv();
        const codeId = cursor.uv();
        const code = codeId ? known(defs.codes, codeId, "code") : null;
        const thread = cursor.uv();
        const parent = cursor.uv();
        current = { row: this.rows.get(number) ?? NONE, number, code, thread, parent, line: cursor.uv() };
        live.set(number, current);
        continue;
      }
      if (op === Op.STATE) {
        if (current === null) throw new Malformed("an event has no frame");
        this.pairs(cursor, NONE);
        continue;
      }
      const at = n - index.first;
      if (op === Op.SPAN) {
        cursor.uv();
        timeUs += cursor.uv();
        this.span(cursor.byte(), cursor.byte(), cursor.text(), cursor.text(), n);
      } else if (op === Op.CALL) {
        const number = cursor.uv();
        const code = known(defs.codes, cursor.uv(), "code");
        const thread = cursor.uv();
        const parent = cursor.uv();
        timeUs += cursor.uv();
        current = { row: NONE, number, code, thread, parent, line: code.firstLine };
        live.set(number, current);
        this.pairs(cursor, NONE);
        this.place(current, n);
      } else {
        const hasLine = WITH_LINE[op];
        if (hasLine) {
          if (current === null) throw new Malformed("an event has no frame");
          current.line += cursor.zz();
        }
        if (WITH_TIME[op]) timeUs += cursor.uv();
        if (hasLine) this.place(current!, n);
        // Most events are lines, and there is nothing more in them.
        if (op !== Op.LINE) {
          if (op >= Op.OBJECT && op <= Op.ATTRIBUTES) this.told(cursor, op, n);
          else if (op === Op.LEVELS) levels.take();
          index.secrets += skipRecord(cursor, op);
          this.mark(op, current, n);
        }
        if (!KINDS[op]) continue;
      }
      if (head & Op.CHANGES) {
        if (current === null) throw new Malformed("an event has no frame");
        this.pairs(cursor, n);
        for (let left = cursor.count(); left > 0; left--) index.writes.push(n, cursor.uv());
      }
      index.kinds[at] = head;
      index.times[at] = timeUs;
      index.stop = ++n;
    }
  }

  // Looks into a record that is passed over next.
  private told(cursor: Cursor, op: number, n: number): void {
    const start = cursor.at;
    let isDoubtful = false;
    if (op === Op.OBJECT) {
      cursor.byte();
      cursor.uv();
    }
    const number = cursor.uv();
    if (op !== Op.OBJECT) {
      cursor.uv();
      cursor.byte();
      isDoubtful = cursor.byte() !== 0;
    }
    cursor.at = start;
    this.index.told.push(n, number, isDoubtful);
  }

  private mark(op: number, current: Live | null, n: number): void {
    const { marks } = this.index;
    if (op === Op.RETURN) this.close(current!, "return");
    else if (op === Op.UNWIND) this.close(current!, "unwind");
    else if (op === Op.RAISE) marks.raise.push(n);
    else if (op === Op.OUTPUT) marks.output.push(n);
    else if (op === Op.LOG) marks.log.push(n);
    else if (op === Op.GAP) marks.gap.push(n);
  }

  private place(live: Live, n: number): void {
    if (live.code === null) return;
    const { index } = this;
    if (live.row === NONE) live.row = this.open(live, n);
    const row = live.row;
    const at = n - index.first;
    const before = this.tails[row]!;
    index.frameOf[at] = row;
    index.lines[at] = live.line;
    index.before[at] = before;
    if (before !== NONE) index.after[before - index.first] = n;
    this.tails[row] = n;
    index.frames[row]!.last = n;
  }

  private open(live: Live, n: number): number {
    const { frames, roots } = this.index;
    const parent = live.parent ? (this.rows.get(live.parent) ?? NONE) : NONE;
    const above = parent === NONE ? null : frames[parent]!;
    const index = frames.length;
    const depth = above === null ? 0 : above.depth + 1;
    frames.push({
      index, number: live.number, code: live.code, parent, thread: live.thread, depth, first: n, last: n, end: "open",
      children: NO_CHILDREN,
    });
    if (above === null) roots.push(index);
    else if (above.children === NO_CHILDREN) above.children = [index];
    else (above.children as number[]).push(index);
    if (depth > this.index.deepest) this.index.deepest = depth;
    this.rows.set(live.number, index);
    this.tails.push(NONE);
    return index;
  }

  private close(live: Live, end: "return" | "unwind"): void {
    if (live.row !== NONE) this.index.frames[live.row]!.end = end;
  }

  private span(phase: number, edge: number, name: string, outcome: string, n: number): void {
    const { spans } = this.index;
    if (edge === 0) {
      this.openSpans.push(spans.length);
      spans.push({ phase, name, begin: n, end: NONE, outcome: "" });
      return;
    }
    for (let at = this.openSpans.length - 1; at >= 0; at--) {
      const span = spans[this.openSpans[at]!]!;
      if (span.phase !== phase || span.name !== name) continue;
      span.end = n;
      span.outcome = outcome;
      this.openSpans.splice(at, 1);
      return;
    }
  }

  private pairs(cursor: Cursor, n: number): void {
    const { index } = this;
    for (let left = cursor.count(); left > 0; left--) {
      const name = cursor.uv();
      const secrets = skipValue(cursor);
      if (n !== NONE) {
        index.writes.push(n, name);
        index.secrets += secrets;
      } else if (secrets) {
        index.secrets += secrets;
      }
    }
  }
}

// Is an opened trace: the index of all its events, and their values when somebody asks for them.

import { Definitions } from "../format/definitions";
import { type Decoded, type Event, decodeBlock } from "../format/decode";
import { HeldValues, type Values } from "../format/objects";
import { Index, NONE, Scanner } from "../format/scan";
import type { Part } from "../format/values";
import { MAX_DEPTH } from "../format/vocabulary";
import { type Carried, type EventBlock, headOf, isOf, readBlock, readDigest, readEvents, readSource, type SourceText } from "./blocks";

const MOST_DECODED = 12;
const NO_VALUES: Values = new Map();
// Half a second of work is ten of these: a reader sees that it goes on, and it is not held up much.
const SLICE_MS = 50;

// What Python knows of the trace, see `render/page_data.py`.
export interface Head {
  version: string;
  manifest: Record<string, unknown>;
  trailer: Record<string, unknown>;
  status: string;
  reason: string | null;
  message: string | null;
  events: number;
  first: number;
  kept: number;
  failure: number | null;
  loops: Record<string, [line: number, body: number, end: number][]>;
  size_bytes: number;
}

export interface Attempt {
  attempt: number;
  outcome: string | null;
  href: string | null;
  is_this: boolean;
}

export class Trace {
  readonly defs = new Definitions();
  private readonly decoded = new Map<number, Promise<Decoded>>();
  private readonly ready = new Map<number, Decoded>();
  private readonly sources = new Map<string, Promise<SourceText>>();
  private readonly carriedSources = new Map<string, Carried>();
  private writesOf: Map<number, Map<number, number[]>> | null = null;
  private toldBy: { before: Int32Array; latest: Map<number, number> } | null = null;
  private readonly nameIds = new Map<string, number>();

  private constructor(
    readonly head: Head,
    readonly index: Index,
    private readonly blocks: EventBlock[],
  ) {}

  static async open(head: Head, carried: Carried[], progress: (part: number) => void = () => {}): Promise<Trace> {
    const index = new Index(head.first, head.kept);
    const blocks: EventBlock[] = [];
    const trace = new Trace(head, index, blocks);
    for (const block of carried.filter(isOf("DEFINITIONS"))) trace.defs.feed(await readBlock(block));
    for (const [id, name] of trace.defs.names) trace.nameIds.set(name, id);
    const scanner = new Scanner(index, trace.defs);
    let began = performance.now();
    for (const one of carried.filter(isOf("EVENTS"))) {
      const data = await readBlock(one);
      const block = headOf(data, one);
      blocks.push(block);
      scanner.feed(data.subarray(20), block.first, block.baseUs, block.count);
      if (performance.now() - began > SLICE_MS) {
        progress((index.stop - head.first) / Math.max(head.kept, 1));
        await breath();
        began = performance.now();
      }
    }
    // A digest is not worth inflating a source for; there are few, and they are small.
    for (const kind of ["SOURCE", "EXCERPT"] as const) {
      for (const one of carried.filter(isOf(kind))) trace.carriedSources.set(await readDigest(one), one);
    }
    return trace;
  }

  // The bound on the depth of values, as the recording had it.
  private get depth(): number {
    const values = this.head.manifest["values"] as Record<string, unknown> | null | undefined;
    const depth = values?.["depth"];
    return typeof depth === "number" ? depth : MAX_DEPTH;
  }

  get files(): string[] {
    return Array.from(this.defs.files.values(), (file) => file.path);
  }

  // A file as it was when it ran; null where it could not be read then.
  async source(path: string): Promise<SourceText | null> {
    for (const file of this.defs.files.values()) {
      const carried = this.carriedSources.get(file.digest);
      if (file.path !== path || carried === undefined) continue;
      let source = this.sources.get(file.digest);
      if (source === undefined) {
        source = readSource(carried);
        this.sources.set(file.digest, source);
      }
      return source;
    }
    return null;
  }

  async event(n: number): Promise<Event | null> {
    const decoded = await this.blockOf(n);
    return decoded?.events[n - decoded.first] ?? null;
  }

  // The event where its block is decoded already: a list that is scrolled draws each row once.
  eventNow(n: number): Event | null {
    const decoded = this.index.has(n) ? this.ready.get(this.blockNumber(n)) : undefined;
    return decoded?.events[n - decoded.first] ?? null;
  }

  // All variables of a frame as they were at its last event up to `n`.
  async valuesAt(frame: number, n: number): Promise<Values> {
    const at = this.lastEventOf(frame, n);
    const decoded = at === NONE ? null : await this.blockOf(at);
    if (decoded === null) return NO_VALUES;
    const { number } = this.index.frames[frame]!;
    const last = decoded.events[at - decoded.first];
    // Also where the level has fallen: nobody has looked since.
    if (this.head.manifest["level"] !== "values" || (last !== undefined && last.level !== null)) return last?.args ?? NO_VALUES;
    let parts = new Map<string, Part>();
    let start = decoded.first;
    for (const state of decoded.states.get(number) ?? []) {
      if (state.at > at) break;
      parts = new Map(state.parts);
      start = state.at;
    }
    const from = this.startIn(frame, at, start);
    for (let m = from; m !== NONE && m <= at; m = this.index.nextInFrame(m)) {
      const event = decoded.events[m - decoded.first];
      if (event === undefined) break;
      if (event.args !== null) parts = new Map(event.args.parts);
      for (const [name, part] of event.changes?.parts ?? []) parts.set(name, part);
      for (const name of event.deleted) parts.delete(name);
    }
    // What they refer to is shown as it was at that event.
    return new HeldValues(parts, decoded.objects, number, at);
  }

  // The frame's first event that is not before `start`, going back from `at`.
  private startIn(frame: number, at: number, start: number): number {
    let found = at;
    for (let m = at; m !== NONE && m >= start; m = this.index.prevInFrame(m)) found = m;
    return found >= start ? found : this.index.frames[frame]!.first;
  }

  lastEventOf(frame: number, n: number): number {
    const { index } = this;
    const row = index.frames[frame];
    if (row === undefined || n < row.first) return NONE;
    if (n >= row.last) return row.last;
    for (let m = Math.min(n, row.last); m >= row.first; m--) {
      if (index.frameOf[m - index.first] === frame) return m;
    }
    return NONE;
  }

  // The events of a frame that changed a variable, in order.
  writes(frame: number, name: string): number[] {
    if (this.writesOf === null) this.writesOf = this.collectWrites();
    const id = this.nameIds.get(name);
    return id === undefined ? [] : (this.writesOf.get(id)?.get(frame) ?? []);
  }

  private collectWrites(): Map<number, Map<number, number[]>> {
    const found = new Map<number, Map<number, number[]>>();
    const { writes, frameOf, first } = this.index;
    for (let at = 0; at < writes.size; at++) {
      const n = writes.events[at]!;
      const frame = frameOf[n - first]!;
      const name = writes.names[at]!;
      let frames = found.get(name);
      if (frames === undefined) found.set(name, (frames = new Map()));
      const events = frames.get(frame);
      if (events === undefined) frames.set(frame, [n]);
      else events.push(n);
    }
    return found;
  }

  // The records that tell of an object, in order.
  toldOf(number: number): { n: number; isDoubtful: boolean }[] {
    const { events, numbers, doubtful, size } = this.index.told;
    if (this.toldBy === null) {
      // A chain of the records of each object, the latest first.
      const before = new Int32Array(size);
      const latest = new Map<number, number>();
      for (let at = 0; at < size; at++) {
        before[at] = latest.get(numbers[at]!) ?? NONE;
        latest.set(numbers[at]!, at);
      }
      this.toldBy = { before, latest };
    }
    const found: { n: number; isDoubtful: boolean }[] = [];
    for (let at = this.toldBy.latest.get(number) ?? NONE; at !== NONE; at = this.toldBy.before[at]!) {
      found.push({ n: events[at]!, isDoubtful: doubtful[at] === 1 });
    }
    return found.reverse();
  }

  blockOf(n: number): Promise<Decoded | null> {
    return this.index.has(n) ? this.decodedBlock(this.blockNumber(n)) : Promise.resolve(null);
  }

  private blockNumber(n: number): number {
    let low = 0;
    let high = this.blocks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.blocks[middle]!.first <= n) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  get blockCount(): number {
    return this.blocks.length;
  }

  decodedBlock(at: number): Promise<Decoded> {
    const there = this.decoded.get(at);
    if (there !== undefined) {
      // The last used is the last to go.
      this.decoded.delete(at);
      this.decoded.set(at, there);
      return there;
    }
    const block = this.blocks[at]!;
    const decoding = readEvents(block).then((data) => {
      const decoded = decodeBlock(data, this.defs, block.first, block.baseUs, block.count, this.depth);
      if (this.decoded.has(at)) this.ready.set(at, decoded);
      return decoded;
    });
    this.decoded.set(at, decoding);
    for (const oldest of this.decoded.keys()) {
      if (this.decoded.size <= MOST_DECODED) break;
      this.decoded.delete(oldest);
      this.ready.delete(oldest);
    }
    return decoding;
  }
}

// Lets the browser draw. A timer would wait for 4 ms each time.
function breath(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

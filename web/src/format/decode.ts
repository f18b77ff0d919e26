// Decodes the events of one block with their values, and what a block says of the values of each frame.

import { Cursor, Malformed } from "./bytes";
import { type CodeInfo, type Definitions, type Position, known } from "./definitions";
import { HeldValues, ObjectStates } from "./objects";
import { skipRecord } from "./skip";
import { type Part, type Value, ValueReader } from "./values";
import { EDGES, KINDS, type Kind, LEVELS, MAX_DEPTH, Op, PHASES, STREAMS, WITH_LINE, WITH_TIME } from "./vocabulary";

export interface ExceptionInfo {
  type: string;
  id: number;
  message: string;
  length: number;
}

export class Event {
  thread: number | null = null;
  frame: number | null = null;
  code: CodeInfo | null = null;
  line: number | null = null;
  timeUs: number | null = null;
  parent: number | null = null;
  args: HeldValues | null = null;
  held: Part | null = null; // what `value` is shown from
  exception: ExceptionInfo | null = null;
  changes: HeldValues | null = null;
  deleted: readonly string[] = NONE;
  // The standard stream, the level of a log or of the recording, the phase of a span, the reason of a gap.
  word: string | null = null;
  edge: string | null = null;
  // The logger of a log, the name of a span.
  name: string | null = null;
  outcome: string | null = null;
  text: Value | null = null;
  dropped = 0;
  position: Position | null = null;
  level: string | null = null;
  // How many levels of its values the frame shows; null: as many as the bound on depth says.
  levels: number | null = null;

  constructor(
    readonly n: number,
    readonly kind: Kind,
    private readonly objects: ObjectStates,
  ) {}

  get value(): Value | null {
    return this.held === null ? null : this.objects.show(this.held, this.frame ?? NO_FRAME, this.n);
  }
}

const NONE: readonly string[] = [];
const NO_FRAME = -1;

interface Frame {
  number: number;
  code: CodeInfo | null;
  thread: number;
  line: number;
}

export interface Known {
  at: number;
  parts: Map<string, Part>;
}

export interface Decoded {
  first: number;
  events: Event[];
  // What a STATE record said of a frame: all its values, at the event `at` where objects are told of, before
  // it in an older trace. The changes of that event lead to the same values from both.
  states: Map<number, Known[]>;
  objects: ObjectStates;
  damage: string | null;
}

// `depth` is the bound of the recording on values.
export function decodeBlock(
  data: Uint8Array, defs: Definitions, first: number, baseUs: number, most: number, depth: number = MAX_DEPTH,
): Decoded {
  const reader = new Reader(new Cursor(data), defs, first, baseUs, depth);
  const out: Decoded = { first, events: [], states: reader.states, objects: reader.objects, damage: null };
  try {
    while (out.events.length < most) {
      const event = reader.next();
      if (event === null) break;
      out.events.push(event);
    }
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    out.damage = error.message;
  }
  return out;
}

class Reader {
  readonly states = new Map<number, Known[]>();
  readonly objects: ObjectStates;
  private readonly values: ValueReader;
  private readonly frames = new Map<number, Frame>();
  private current: Frame | null = null;
  // What is recorded since the level has fallen.
  private level: string | null = null;
  private position: Position | null = null;

  constructor(
    private readonly cursor: Cursor,
    private readonly defs: Definitions,
    private n: number,
    private timeUs: number,
    depth: number,
  ) {
    this.values = new ValueReader(cursor, defs);
    this.objects = new ObjectStates(this.values, depth);
  }

  next(): Event | null {
    const { cursor } = this;
    while (cursor.at < cursor.end) {
      const head = cursor.byte();
      const op = head & Op.MASK;
      if (op === Op.SWITCH) {
        this.current = known(this.frames, cursor.uv(), "frame");
      } else if (op === Op.FRAME) {
        this.readFrame();
      } else if (op === Op.STATE) {
        const frame = this.now();
        const found = this.states.get(frame.number) ?? [];
        found.push({ at: this.n, parts: this.pairs() });
        this.states.set(frame.number, found);
      } else if (op >= Op.OBJECT && op <= Op.ATTRIBUTES) {
        this.objects.take(op, cursor, this.n);
      } else if (op === Op.PLACE) {
        this.position = known(this.defs.positions, cursor.uv(), "position");
      } else if (op === Op.LEVELS) {
        this.objects.levels.take(cursor.uv(), cursor.uv(), this.n);
      } else if (op === Op.AT_LEVEL) {
        this.level = pick(LEVELS, cursor.byte());
      } else if (KINDS[op]) {
        const event = this.event(op);
        event.level = this.level;
        if (head & Op.CHANGES) this.changes(event);
        this.objects.check();
        event.position = this.position;
        this.position = null;
        this.n++;
        return event;
      } else {
        this.pass(op, null);
      }
    }
    return null;
  }

  private now(): Frame {
    if (this.current === null) throw new Malformed("an event has no frame");
    return this.current;
  }

  private readFrame(): void {
    const { cursor } = this;
    const number = cursor.uv();
    const code = cursor.uv();
    const thread = cursor.uv();
    cursor.uv();
    const line = cursor.uv();
    this.current = { number, code: code ? known(this.defs.codes, code, "code") : null, thread, line };
    this.frames.set(number, this.current);
  }

  private event(op: number): Event {
    const { cursor, defs } = this;
    const event = new Event(this.n, KINDS[op] as Kind, this.objects);
    if (op === Op.GAP) {
      event.thread = cursor.uv() || null;
      event.dropped = cursor.uv();
      event.word = known(defs.names, cursor.uv(), "name");
    } else if (op === Op.SPAN) {
      event.thread = cursor.uv();
      this.time(event);
      event.word = pick(PHASES, cursor.byte());
      event.edge = pick(EDGES, cursor.byte());
      event.name = cursor.text() || null;
      event.outcome = cursor.text() || null;
    } else if (op === Op.CALL) {
      this.call(event);
    } else if (op === Op.LEVEL) {
      this.time(event);
      event.thread = cursor.uv() || null;
      event.word = pick(LEVELS, cursor.byte());
      this.level = event.word;
    } else if (op >= Op.LINE && op <= Op.LOG) {
      this.inFrame(op, event);
    } else {
      this.pass(op, event);
    }
    return event;
  }

  // A record that nobody taught this module to show; an event still has its line and its time.
  private pass(op: number, event: Event | null): void {
    if (WITH_LINE[op]) this.line(event);
    if (WITH_TIME[op]) this.time(event);
    skipRecord(this.cursor, op);
  }

  private call(event: Event): void {
    const { cursor } = this;
    const number = cursor.uv();
    const code = known(this.defs.codes, cursor.uv(), "code");
    const thread = cursor.uv();
    event.parent = cursor.uv() || null;
    this.time(event);
    const frame = { number, code, thread, line: code.firstLine };
    this.frames.set(number, frame);
    this.current = frame;
    event.args = this.held(frame);
    this.place(event, frame);
  }

  private inFrame(op: number, event: Event): void {
    const { cursor, defs } = this;
    this.line(event);
    if (op === Op.LINE) return;
    this.time(event);
    if (op === Op.RETURN || op === Op.YIELD) {
      event.held = this.values.held();
    } else if (op === Op.THROW || op === Op.RAISE || op === Op.UNWIND) {
      event.exception = this.exception();
    } else if (op === Op.OUTPUT) {
      event.word = pick(STREAMS, cursor.byte());
      event.text = this.values.value();
    } else if (op === Op.LOG) {
      event.word = known(defs.names, cursor.uv(), "name");
      event.name = known(defs.names, cursor.uv(), "name");
      event.text = this.values.value();
    }
  }

  private line(event: Event | null): void {
    const frame = this.now();
    frame.line += this.cursor.zz();
    if (event !== null) this.place(event, frame);
  }

  private place(event: Event, frame: Frame): void {
    event.thread = frame.thread;
    if (frame.code !== null) {
      event.frame = frame.number;
      event.code = frame.code;
      event.line = frame.line;
      event.levels = this.objects.levels.at(frame.number, this.n);
    }
  }

  private time(event: Event | null): void {
    this.timeUs += this.cursor.uv();
    if (event !== null) event.timeUs = this.timeUs;
  }

  private changes(event: Event): void {
    event.changes = this.held(this.now());
    const deleted: string[] = [];
    for (let left = this.cursor.count(); left > 0; left--) deleted.push(known(this.defs.names, this.cursor.uv(), "name"));
    event.deleted = deleted;
  }

  private held(frame: Frame): HeldValues {
    return new HeldValues(this.pairs(), this.objects, frame.number, this.n);
  }

  private pairs(): Map<string, Part> {
    const pairs = new Map<string, Part>();
    for (let left = this.cursor.count(); left > 0; left--) {
      const name = known(this.defs.names, this.cursor.uv(), "name");
      pairs.set(name, this.values.held());
    }
    return pairs;
  }

  private exception(): ExceptionInfo {
    const type = known(this.defs.types, this.cursor.uv(), "type").name;
    const id = this.cursor.uv();
    const message = this.values.value();
    if (typeof message.value !== "string") throw new Malformed("the message of an exception is no text");
    return { type, id, message: message.value, length: message.length ?? [...message.value].length };
  }
}

function pick<T>(words: readonly T[], at: number): T {
  const word = words[at];
  if (word === undefined) throw new Malformed(`unknown word ${at}`);
  return word;
}

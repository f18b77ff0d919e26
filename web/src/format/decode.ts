// Decodes the events of one block with their values, and what each frame's values were before it.

import { Cursor, Malformed } from "./bytes";
import { type CodeInfo, type Definitions, known } from "./definitions";
import { skipRecord } from "./skip";
import { type Value, readValue } from "./values";
import { EDGES, KINDS, type Kind, Op, PHASES, STREAMS, WITH_LINE, WITH_TIME } from "./vocabulary";

export type Values = Map<string, Value>;

export interface ExceptionInfo {
  type: string;
  id: number;
  message: string;
  length: number;
}

export interface Event {
  n: number;
  kind: Kind;
  thread: number | null;
  frame: number | null;
  code: CodeInfo | null;
  line: number | null;
  timeUs: number | null;
  parent: number | null;
  args: Values | null;
  value: Value | null;
  exception: ExceptionInfo | null;
  changes: Values | null;
  deleted: string[];
  // The standard stream, the level of a log, the phase of a span, the reason of a gap.
  word: string | null;
  edge: string | null;
  // The logger of a log, the name of a span.
  name: string | null;
  outcome: string | null;
  text: Value | null;
  dropped: number;
}

interface Frame {
  number: number;
  code: CodeInfo | null;
  thread: number;
  line: number;
}

export interface Known {
  at: number;
  values: Values;
}

export interface Decoded {
  first: number;
  events: Event[];
  // What a STATE record said of a frame: all its values before the event `at`.
  states: Map<number, Known[]>;
  damage: string | null;
}

export function decodeBlock(data: Uint8Array, defs: Definitions, first: number, baseUs: number, most: number): Decoded {
  const reader = new Reader(new Cursor(data), defs, first, baseUs);
  const out: Decoded = { first, events: [], states: reader.states, damage: null };
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
  private readonly frames = new Map<number, Frame>();
  private current: Frame | null = null;

  constructor(
    private readonly cursor: Cursor,
    private readonly defs: Definitions,
    private n: number,
    private timeUs: number,
  ) {}

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
        found.push({ at: this.n, values: this.pairs() });
        this.states.set(frame.number, found);
      } else if (KINDS[op]) {
        const event = this.event(op);
        if (head & Op.CHANGES) this.changes(event);
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
    const event: Event = {
      n: this.n, kind: KINDS[op] as Kind, thread: null, frame: null, code: null, line: null, timeUs: null, parent: null,
      args: null, value: null, exception: null, changes: null, deleted: [], word: null, edge: null, name: null,
      outcome: null, text: null, dropped: 0,
    };
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
    event.args = this.pairs();
    this.place(event, frame);
  }

  private inFrame(op: number, event: Event): void {
    const { cursor, defs } = this;
    this.line(event);
    if (op === Op.LINE) return;
    this.time(event);
    if (op === Op.RETURN || op === Op.YIELD) {
      event.value = readValue(cursor, defs);
    } else if (op === Op.THROW || op === Op.RAISE || op === Op.UNWIND) {
      event.exception = this.exception();
    } else if (op === Op.OUTPUT) {
      event.word = pick(STREAMS, cursor.byte());
      event.text = readValue(cursor, defs);
    } else if (op === Op.LOG) {
      event.word = known(defs.names, cursor.uv(), "name");
      event.name = known(defs.names, cursor.uv(), "name");
      event.text = readValue(cursor, defs);
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
    }
  }

  private time(event: Event | null): void {
    this.timeUs += this.cursor.uv();
    if (event !== null) event.timeUs = this.timeUs;
  }

  private changes(event: Event): void {
    this.now();
    event.changes = this.pairs();
    for (let left = this.cursor.count(); left > 0; left--) {
      event.deleted.push(known(this.defs.names, this.cursor.uv(), "name"));
    }
  }

  private pairs(): Values {
    const pairs: Values = new Map();
    for (let left = this.cursor.count(); left > 0; left--) {
      const name = known(this.defs.names, this.cursor.uv(), "name");
      pairs.set(name, readValue(this.cursor, this.defs));
    }
    return pairs;
  }

  private exception(): ExceptionInfo {
    const type = known(this.defs.types, this.cursor.uv(), "type").name;
    const id = this.cursor.uv();
    const message = readValue(this.cursor, this.defs);
    if (typeof message.value !== "string") throw new Malformed("the message of an exception is no text");
    return { type, id, message: message.value, length: message.length ?? [...message.value].length };
  }
}

function pick<T>(words: readonly T[], at: number): T {
  const word = words[at];
  if (word === undefined) throw new Malformed(`unknown word ${at}`);
  return word;
}

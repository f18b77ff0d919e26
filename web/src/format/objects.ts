// Keeps what the objects of a block hold while its records pass, and shows values through them, as
// format/object_states.py does.
//
// A record tells of one object what it holds itself: scalars in place, other objects by number. A value is
// shown to the bound on depth by going from object to object, as they were at one event. What was shown of
// an object is used again at other events, unless it or one in it has changed between.

import { type Cursor, Malformed } from "./bytes";
import { known } from "./definitions";
import { FrameLevels } from "./levels";
import {
  FEWER_VALUE_PARTS, MAX_KEPT_PARTS, MAX_MOVED_PARTS, MAX_OBJECT_RECORDS, MAX_SHOWN_PARTS, MAX_VALUE_PARTS, NOT_HELD,
} from "./limits";
import { Container, type Part, type Piece, type Value, type ValueReader, cutValue, emptyContainer, whyCut, widthOf } from "./values";
import { type Shown, Told, isLost } from "./versions";
import { MAX_DEPTH, Op, REASONS, Tag } from "./vocabulary";

const DEPTH = REASONS[1];
const CYCLE = REASONS[4];
const NO_LEVEL = Infinity;
const NO_FRAME = -1;
const NOTHING: readonly never[] = [];
const TAG_OF: Partial<Record<number, number>> = { [Op.ITEMS]: Tag.SEQUENCE, [Op.ENTRIES]: Tag.MAPPING, [Op.ATTRIBUTES]: Tag.OBJECT };

// The objects of one block. `depth` is the bound of the recording: levels of containers and objects that a
// value has open.
export class ObjectStates {
  // Which frames show fewer levels than that.
  readonly levels: FrameLevels;
  private readonly objects = new Map<number, Told>();
  private readonly depth: number;
  private records = 0;
  private movable = MAX_MOVED_PARTS;
  // Of the value that is being shown.
  private readonly open = new Map<number, number>(); // levels by number
  private n = 0;
  private start = 0; // where on the way to the bound on depth it begins
  private left = 0; // parts that it can still take
  private reused = 0; // parts in it that were shown before
  private shown = 0; // parts of all that was shown, but for those
  private kept = 0; // as many of them as are kept

  constructor(
    private readonly values: ValueReader,
    depth: number,
  ) {
    this.depth = Math.min(Math.max(depth, 0), MAX_DEPTH);
    this.levels = new FrameLevels(this.depth);
  }

  // Takes in a record of an object, which belongs to the event `n`.
  take(op: number, cursor: Cursor, n: number): void {
    if (++this.records > MAX_OBJECT_RECORDS) throw new Malformed("a block tells of more objects than one may");
    if (op === Op.OBJECT) this.takeWhole(n);
    else this.takeChange(op, cursor, n);
  }

  private takeWhole(n: number): void {
    const part = this.values.part();
    const number = typeof part === "number" ? undefined : part.id;
    if (number === undefined) throw new Malformed("a record of an object holds none");
    const isContainer = part instanceof Container;
    const held = isContainer ? new Container(part.tag, part.type, part.id, part.full, part.why, []) : part;
    const pieces = isContainer ? (part.pieces as Piece[]) : [];
    const parts = isContainer ? pieces.length / widthOf(part.tag) : 0;
    let told = this.objects.get(number);
    if (told === undefined) this.objects.set(number, (told = new Told()));
    told.versions.push({ since: n, held, pieces, splice: null, parts, cycle: null, deepest: null });
  }

  private takeChange(op: number, cursor: Cursor, n: number): void {
    const number = cursor.uv();
    const full = cursor.uv();
    const reason = whyCut(cursor.byte());
    cursor.byte(); // whether it may be another object at the same address
    const first = cursor.uv();
    const gone = cursor.uv();
    const told = known(this.objects, number, "object");
    const before = told.versions[told.versions.length - 1]!;
    const { held } = before;
    if (!(held instanceof Container) || held.tag !== TAG_OF[op]) throw new Malformed(`object ${number} has no such parts`);
    if (first + gone > before.parts) throw new Malformed(`object ${number} has not so many parts`);
    const { pieces: came, isCut } = this.values.pieces(held.tag);
    const width = widthOf(held.tag);
    const parts = before.parts - gone + came.length / width;
    const why = isCut ? NOT_HELD : reason;
    this.movable -= came.length + (gone * width === came.length ? 0 : (before.parts - first - gone) * width);
    const isHeld = this.movable >= 0 && !isLost(before);
    const splice = isHeld ? { first: first * width, gone: gone * width, came } : null;
    const next = new Container(held.tag, held.type, number, full, isHeld ? why : NOT_HELD, []);
    told.versions.push({ since: n, held: next, pieces: null, splice, parts, cycle: null, deepest: null });
  }

  // Tells by Malformed of a reference, since the last event, to an object nobody told of.
  check(): void {
    const { met } = this.values;
    for (const number of met) known(this.objects, number, "object");
    met.length = 0;
  }

  // The value of what a variable, argument or result of a frame held at an event. Of a frame that shows fewer
  // levels it begins as far from the bound as these are.
  show(part: Part, frame: number, n: number): Value {
    if (typeof part !== "number" && !(part instanceof Container)) return part;
    if (this.kept > MAX_KEPT_PARTS) this.forget();
    this.n = n;
    const most = this.shown < MAX_SHOWN_PARTS ? MAX_VALUE_PARTS : FEWER_VALUE_PARTS;
    this.left = most;
    this.reused = 0;
    this.open.clear();
    const start = (this.start = this.depth - (this.levels.at(frame, n) ?? this.depth));
    const { value } = typeof part === "number" ? this.object(part, start) : this.container(part, part.pieces, 0, start);
    const anew = most - this.left - this.reused;
    this.kept += anew;
    this.shown += anew;
    return value;
  }

  // What an object was at an event, as a variable shows it; null if nobody told of it.
  valueOf(number: number, n: number): Value | null {
    return this.objects.has(number) ? this.show(number, NO_FRAME, n) : null;
  }

  private forget(): void {
    for (const told of this.objects.values()) told.shown.length = 0;
    this.kept = 0;
  }

  private object(number: number, depth: number): Shown {
    const { open, n } = this;
    const told = this.objects.get(number)!;
    const at = told.at(n);
    const version = told.versions[at]!;
    const { held, since } = version;
    const until = told.versions[at + 1]?.since ?? Infinity;
    if (!(held instanceof Container)) {
      this.left--;
      return shownAs(held as Value, number, since, until);
    }
    let level = open.get(number);
    if (level !== undefined) {
      this.left--;
      const shown = shownAs((version.cycle ??= headOf(held, CYCLE)), number, since, until);
      shown.lowest = level;
      return shown;
    }
    if (depth >= this.depth && held.full) {
      this.left--;
      if (version.deepest === null) {
        version.deepest = shownAs(headOf(held, DEPTH), number, since, until);
        version.deepest.holdsOthers = true;
      }
      return version.deepest;
    }
    const there = told.shown[depth];
    if (there !== undefined && there.from <= n && n < there.until && !this.isOpenIn(there)) {
      this.left -= there.size;
      this.reused += there.size;
      return there;
    }
    level = open.size;
    open.set(number, level);
    const found = this.container(held, isLost(version) ? NOTHING : told.piecesAt(at), number, depth);
    open.delete(number);
    found.from = Math.max(found.from, since);
    found.until = Math.min(found.until, until);
    // What refers to an object around it would be shown otherwise on another way.
    if (found.lowest < level || (this.left < 0 && depth > this.start)) return found;
    found.lowest = NO_LEVEL;
    told.shown[depth] = found;
    return found;
  }

  // Whether an object that is open stands in what was shown when it was not.
  private isOpenIn(shown: Shown): boolean {
    if (shown.inner.length === 0 || this.open.size === 0) return false;
    const numbers = this.numbersIn(shown);
    for (const number of this.open.keys()) if (numbers.has(number)) return true;
    return false;
  }

  private numbersIn(shown: Shown): Set<number> {
    if (shown.numbers !== null) return shown.numbers;
    const all = new Set<number>();
    for (const one of shown.inner) {
      all.add(one.number);
      if (one.inner.length > 0) for (const number of this.numbersIn(one)) all.add(number);
    }
    this.kept += all.size;
    return (shown.numbers = all);
  }

  // Where a value has too many parts, the outermost container is cut; what is deeper is not shown then.
  private container(held: Container, pieces: readonly Piece[], number: number, depth: number): Shown {
    const { tag } = held;
    const value = emptyContainer(tag, held.type, held.id, held.full);
    const found = shownAs(value, number, -Infinity, Infinity);
    const start = this.left--;
    let why = held.why;
    for (let at = 0; at < pieces.length; at += widthOf(tag)) {
      const first = pieces[at]!;
      const one = typeof first === "string" ? null : this.piece(first, depth, found);
      const other = tag === Tag.SEQUENCE || this.left < 0 ? null : this.piece(pieces[at + 1] as Part, depth, found);
      if (this.left < 0) {
        why = NOT_HELD;
        break;
      }
      if (tag === Tag.SEQUENCE) value.items!.push(one!);
      else if (tag === Tag.MAPPING) value.entries!.push([one!, other!]);
      else value.attributes!.set(first as string, other!);
    }
    found.size = start - this.left;
    cutValue(value, held.full, why);
    return found;
  }

  private piece(part: Part, depth: number, around: Shown): Value {
    if (typeof part !== "number" && !(part instanceof Container)) {
      this.left--;
      return part;
    }
    const isObject = typeof part === "number";
    const found = isObject ? this.object(part, depth + 1) : this.container(part, part.pieces, 0, depth + 1);
    around.lowest = Math.min(around.lowest, found.lowest);
    around.from = Math.max(around.from, found.from);
    around.until = Math.min(around.until, found.until);
    around.holdsOthers = true;
    if (isObject && found.holdsOthers) add(around, found);
    else for (const one of found.inner) add(around, one);
    return found.value;
  }
}

function shownAs(value: Value, number: number, from: number, until: number): Shown {
  return { value, number, size: 1, lowest: NO_LEVEL, from, until, holdsOthers: false, inner: NOTHING, numbers: null };
}

function add(around: Shown, inner: Shown): void {
  if (around.inner === NOTHING) around.inner = [inner];
  else (around.inner as Shown[]).push(inner);
}

function headOf(held: Container, why: string): Value {
  return cutValue(emptyContainer(held.tag, held.type, held.id, held.full), held.full, why);
}

// Values by name; a Map is one.
export interface Values extends Iterable<[string, Value]> {
  readonly size: number;
  get(name: string): Value | undefined;
  has(name: string): boolean;
  keys(): Iterable<string>;
}

// Values as a frame had them at an event; shown when they are asked for.
export class HeldValues implements Values {
  constructor(
    readonly parts: Map<string, Part>,
    private readonly objects: ObjectStates,
    private readonly frame: number,
    private readonly n: number,
  ) {}

  get size(): number {
    return this.parts.size;
  }

  get(name: string): Value | undefined {
    const part = this.parts.get(name);
    return part === undefined ? undefined : this.objects.show(part, this.frame, this.n);
  }

  has(name: string): boolean {
    return this.parts.has(name);
  }

  keys(): Iterable<string> {
    return this.parts.keys();
  }

  *[Symbol.iterator](): Iterator<[string, Value]> {
    for (const [name, part] of this.parts) yield [name, this.objects.show(part, this.frame, this.n)];
  }
}

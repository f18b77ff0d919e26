// Decodes recorded values into the JSON form of docs/json-lines.md, or into what they are to be shown from
// where objects stand in them; names of attributes are keys of a Map, because a recorded name can be
// `__proto__`.

import { Cursor, Malformed, magnitudeSize } from "./bytes";
import { type Definitions, type TypeInfo, hex, known } from "./definitions";
import { MAX_SHOWN_VALUES, NOT_HELD } from "./limits";
import { floatText } from "./python";
import { skipValue } from "./skip";
import { MAX_NESTING, REASONS, Tag } from "./vocabulary";

const NOT_SHOWN = "this version cannot show it";

export interface Value {
  type: string;
  id?: number;
  value?: string | number | bigint | boolean | null;
  length?: number;
  items?: Value[];
  fields?: string[];
  entries?: [Value, Value][];
  attributes?: Map<string, Value>;
  truncated?: true;
  reason?: string;
  bits?: number;
  unavailable?: string;
  redacted?: true;
}

// What a container or object holds. Its pieces follow each other: the items, each key and its value, or the
// name of each attribute and its value.
export class Container {
  constructor(
    readonly tag: number,
    readonly type: TypeInfo,
    readonly id: number,
    readonly full: number,
    readonly why: string | null, // it is not whole
    readonly pieces: readonly Piece[],
  ) {}
}

// A value that is whole, an object by its number, or what a value is to be shown from.
export type Part = Value | number | Container;
export type Piece = Part | string;

// Pieces that make one part of a container.
export const widthOf = (tag: number): number => (tag === Tag.SEQUENCE ? 1 : 2);

// Reads the values of one block.
export class ValueReader {
  // The objects that were referred to, for whoever checks that they are there.
  readonly met: number[] = [];
  private left = MAX_SHOWN_VALUES;
  private references = 0; // that `value` passed

  constructor(
    private readonly cursor: Cursor,
    private readonly defs: Definitions,
  ) {}

  // What a variable holds: a value where no object stands in it.
  held(): Part {
    const { cursor, left, references } = this;
    const start = cursor.at;
    const value = this.value();
    if (this.references === references) return value;
    cursor.at = start;
    this.left = left;
    return this.part();
  }

  part(depth = 0): Part {
    if (depth > MAX_NESTING) throw new Malformed("a value is nested too deep");
    const { cursor } = this;
    const tag = cursor.byte();
    if (tag === Tag.REFERENCE) {
      const number = cursor.uv();
      this.met.push(number);
      return number;
    }
    if (tag !== Tag.SEQUENCE && tag !== Tag.MAPPING && tag !== Tag.OBJECT) {
      cursor.at--;
      return this.value(depth);
    }
    const type = known(this.defs.types, cursor.uv(), "type");
    const id = cursor.uv();
    const full = cursor.uv();
    const reason = whyCut(cursor.byte());
    const { pieces, isCut } = this.pieces(tag, depth);
    return new Container(tag, type, id, full, isCut ? NOT_HELD : reason, pieces);
  }

  // The parts of a container, and whether there are more than can be held.
  pieces(tag: number, depth = 0): { pieces: Piece[]; isCut: boolean } {
    const { cursor, defs } = this;
    const pieces: Piece[] = [];
    const count = cursor.count();
    const shown = this.take(count);
    for (let at = 0; at < count; at++) {
      const first = tag === Tag.OBJECT ? known(defs.names, cursor.uv(), "name") : this.part(depth + 1);
      const second = tag === Tag.SEQUENCE ? null : this.part(depth + 1);
      if (at >= shown) continue;
      pieces.push(first);
      if (second !== null) pieces.push(second);
    }
    return { pieces, isCut: shown < count };
  }

  // One value; objects that stand in it cannot be shown.
  value(depth = 0): Value {
    if (depth > MAX_NESTING) throw new Malformed("a value is nested too deep");
    const { cursor, defs } = this;
    const tag = cursor.byte();
    if (tag <= Tag.BYTES_CUT) return readScalar(tag, cursor);
    if (tag === Tag.REFERENCE) {
      this.references++;
      return { type: "object", id: cursor.uv(), unavailable: NOT_SHOWN };
    }
    if (!(tag >= Tag.SEQUENCE && tag <= Tag.REDACTED)) return notShown(cursor, depth);
    const type = known(defs.types, cursor.uv(), "type");
    if (tag === Tag.REDACTED) return { type: type.name, redacted: true };
    const id = cursor.uv();
    if (tag === Tag.TEXT || tag === Tag.SUBCLASS) {
      const inner = this.value(depth + 1);
      return { ...inner, type: type.name, id: inner.id ?? id };
    }
    if (tag === Tag.OPAQUE) return { type: type.name, id, unavailable: reasonOf(cursor.byte()) };
    const full = cursor.uv();
    const reason = whyCut(cursor.byte());
    const value = emptyContainer(tag, type, id, full);
    const count = cursor.count();
    const shown = this.take(count);
    for (let at = 0; at < count; at++) {
      if (tag === Tag.SEQUENCE) {
        const item = this.value(depth + 1);
        if (at < shown) value.items!.push(item);
      } else if (tag === Tag.MAPPING) {
        const key = this.value(depth + 1);
        const item = this.value(depth + 1);
        if (at < shown) value.entries!.push([key, item]);
      } else {
        const name = known(defs.names, cursor.uv(), "name");
        const item = this.value(depth + 1);
        if (at < shown) value.attributes!.set(name, item);
      }
    }
    return cutValue(value, full, shown < count ? NOT_HELD : reason);
  }

  private take(count: number): number {
    const shown = Math.min(count, this.left);
    this.left -= shown;
    return shown;
  }
}

export function emptyContainer(tag: number, type: TypeInfo, id: number, full: number): Value {
  if (tag === Tag.OBJECT) return { type: type.name, id, attributes: new Map() };
  if (tag === Tag.MAPPING) return { type: type.name, id, length: full, entries: [] };
  const value: Value = { type: type.name, id, length: full, items: [] };
  if (type.fields.length) value.fields = type.fields;
  return value;
}

// Says of a container why not all is there, where that is so.
export function cutValue(value: Value, full: number, why: string | null): Value {
  if (why === null) return value;
  value.length = full;
  value.truncated = true;
  value.reason = why;
  return value;
}

// A value whose tag is in the table and that nobody taught this module to show.
function notShown(cursor: Cursor, depth: number): Value {
  cursor.at--; // back to its tag
  skipValue(cursor, depth);
  return { type: "object", unavailable: NOT_SHOWN };
}

// A reason in words; null where all is there.
export function whyCut(byte: number): string | null {
  return byte === 0 ? null : reasonOf(byte);
}

function reasonOf(byte: number): string {
  const word = REASONS[byte];
  if (!word) throw new Malformed(`unknown reason ${byte}`);
  return word;
}

function readScalar(tag: number, cursor: Cursor): Value {
  switch (tag) {
    case Tag.NONE:
      return { type: "NoneType", value: null };
    case Tag.TRUE:
      return { type: "bool", value: true };
    case Tag.FALSE:
      return { type: "bool", value: false };
    case Tag.INT:
      return { type: "int", value: cursor.int() };
    case Tag.BIG_INT:
      return { type: "int", value: bigInt(cursor) };
    case Tag.HUGE_INT: {
      const sign = cursor.byte();
      return { type: "int", value: sign ? -1 : 1, truncated: true, reason: "size", bits: cursor.uv() };
    }
    case Tag.FLOAT:
      return { type: "float", value: special(cursor.float()) };
    case Tag.COMPLEX:
      return { type: "complex", value: complexText(cursor.float(), cursor.float()) };
    case Tag.STR:
      return { type: "str", value: cursor.text() };
    case Tag.STR_CUT: {
      const length = cursor.uv();
      return { type: "str", value: cursor.text(), length, truncated: true, reason: "chars" };
    }
    case Tag.BYTES:
      return { type: "bytes", value: hex(cursor.take(cursor.uv())) };
    default: {
      const length = cursor.uv();
      return { type: "bytes", value: hex(cursor.take(cursor.uv())), length, truncated: true, reason: "chars" };
    }
  }
}

function bigInt(cursor: Cursor): number | bigint {
  const sign = cursor.byte();
  const digits = hex(cursor.take(magnitudeSize(cursor)).slice().reverse());
  const big = digits ? BigInt(`0x${digits}`) : 0n;
  const signed = sign ? -big : big;
  const small = Number(signed);
  return Number.isSafeInteger(small) ? small : signed;
}

function special(number: number): number | string {
  if (Number.isFinite(number)) return number;
  return Number.isNaN(number) ? "nan" : number > 0 ? "inf" : "-inf";
}

// As Python's `repr` of a complex number: a real part of +0.0 is left out.
function complexText(real: number, imaginary: number): string {
  const second = plainFloat(imaginary);
  const sign = second.startsWith("-") ? "" : "+";
  if (real === 0 && !Object.is(real, -0)) return `${second}j`;
  return `(${plainFloat(real)}${sign}${second}j)`;
}

function plainFloat(number: number): string {
  const text = String(special(number));
  return Number.isFinite(number) ? floatText(number).replace(/\.0$/, "") : text;
}

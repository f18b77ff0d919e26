// Decodes one recorded value into the JSON form of docs/json-lines.md; names of attributes are keys of a
// Map, because a recorded name can be `__proto__`.

import { Cursor, Malformed, magnitudeSize } from "./bytes";
import { type Definitions, hex, known } from "./definitions";
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

export function readValue(cursor: Cursor, defs: Definitions, depth = 0): Value {
  if (depth > MAX_NESTING) throw new Malformed("a value is nested too deep");
  const tag = cursor.byte();
  if (tag <= Tag.BYTES_CUT) return readScalar(tag, cursor);
  if (!(tag >= Tag.SEQUENCE && tag <= Tag.REDACTED)) return notShown(cursor, depth);
  const type = known(defs.types, cursor.uv(), "type");
  if (tag === Tag.REDACTED) return { type: type.name, redacted: true };
  const value: Value = { type: type.name, id: cursor.uv() };
  if (tag === Tag.TEXT || tag === Tag.SUBCLASS) {
    const inner = readValue(cursor, defs, depth + 1);
    return { ...inner, type: type.name, id: inner.id ?? value.id! };
  }
  if (tag === Tag.OPAQUE) {
    value.unavailable = reasonOf(cursor.byte());
    return value;
  }
  const full = cursor.uv();
  const reason = cursor.byte();
  const count = cursor.count();
  if (tag === Tag.SEQUENCE) {
    value.length = full;
    value.items = [];
    for (let left = count; left > 0; left--) value.items.push(readValue(cursor, defs, depth + 1));
    if (type.fields.length) value.fields = type.fields;
  } else if (tag === Tag.MAPPING) {
    value.length = full;
    value.entries = [];
    for (let left = count; left > 0; left--) {
      const key = readValue(cursor, defs, depth + 1);
      value.entries.push([key, readValue(cursor, defs, depth + 1)]);
    }
  } else {
    value.attributes = new Map();
    for (let left = count; left > 0; left--) {
      const name = known(defs.names, cursor.uv(), "name");
      value.attributes.set(name, readValue(cursor, defs, depth + 1));
    }
    if (reason) value.length = full;
  }
  if (reason) {
    value.truncated = true;
    value.reason = reasonOf(reason);
  }
  return value;
}

// A value whose tag is in the table and that nobody taught this module to show.
function notShown(cursor: Cursor, depth: number): Value {
  cursor.at--; // back to its tag
  skipValue(cursor, depth);
  return { type: "object", unavailable: NOT_SHOWN };
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

// Reads primitives from bytes, in order; every fault of the input is a Malformed.

import { MAX_INT_BYTES } from "./vocabulary";

export class Malformed extends Error {}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class Cursor {
  at = 0;
  readonly end: number;

  constructor(readonly data: Uint8Array) {
    this.end = data.length;
  }

  byte(): number {
    if (this.at >= this.end) throw new Malformed("the record is cut");
    return this.data[this.at++]!;
  }

  // An unsigned LEB128 of at most 64 bits; what does not fit a double loses its lowest bits.
  uv(): number {
    const first = this.at < this.end ? this.data[this.at]! : 0x80;
    if (first < 0x80) {
      this.at++;
      return first;
    }
    const { data, end } = this;
    let at = this.at;
    let number = 0;
    let scale = 1;
    while (at < end && scale <= 0x8000000000000000) {
      const byte = data[at++]!;
      number += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (scale === 0x8000000000000000 && byte > 1) break;
        this.at = at;
        return number;
      }
      scale *= 128;
    }
    throw new Malformed("a number has no end or is larger than 64 bits");
  }

  // A signed number that is known to be small: a difference of lines.
  zz(): number {
    const number = this.uv();
    const half = Math.floor(number / 2);
    return number % 2 === 0 ? half : -half - 1;
  }

  // A signed number of 64 bits, exact: a double where it fits.
  int(): number | bigint {
    const start = this.at;
    const number = this.uv();
    if (number < Number.MAX_SAFE_INTEGER) return number % 2 === 0 ? number / 2 : -(number - 1) / 2 - 1;
    let big = 0n;
    for (let at = start, shift = 0n; at < this.at; at++, shift += 7n) {
      big |= BigInt(this.data[at]! & 0x7f) << shift;
    }
    const signed = big & 1n ? -(big >> 1n) - 1n : big >> 1n;
    const small = Number(signed);
    return Number.isSafeInteger(small) ? small : signed;
  }

  count(): number {
    const number = this.uv();
    if (number > this.end - this.at) throw new Malformed("a count is larger than its record");
    return number;
  }

  take(size: number): Uint8Array {
    if (size > this.end - this.at) throw new Malformed("the record is cut");
    const start = this.at;
    this.at += size;
    return this.data.subarray(start, this.at);
  }

  skip(size: number): void {
    if (size > this.end - this.at) throw new Malformed("the record is cut");
    this.at += size;
  }

  text(): string {
    return decodeText(this.take(this.uv()));
  }

  float(): number {
    const bytes = this.take(8);
    return new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0, true);
  }
}

// The bytes of a large int.
export function magnitudeSize(cursor: Cursor): number {
  const size = cursor.uv();
  if (size > MAX_INT_BYTES) throw new Malformed("an int is larger than any that is recorded");
  return size;
}

export function decodeText(bytes: Uint8Array): string {
  if (bytes.length <= 24) {
    let text = "";
    for (const byte of bytes) {
      if (byte >= 0x80) return decodeLong(bytes);
      text += String.fromCharCode(byte);
    }
    return text;
  }
  return decodeLong(bytes);
}

function decodeLong(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    return decodeWithSurrogates(bytes);
  }
}

// Lone surrogates are written as if they were characters, which TextDecoder refuses.
function decodeWithSurrogates(bytes: Uint8Array): string {
  let text = "";
  let start = 0;
  for (let at = 0; at + 2 < bytes.length; at++) {
    if (bytes[at] !== 0xed || bytes[at + 1]! < 0xa0) continue;
    if (bytes[at + 1]! > 0xbf || (bytes[at + 2]! & 0xc0) !== 0x80) break;
    text += decodeStrict(bytes.subarray(start, at));
    text += String.fromCharCode(0xd000 | ((bytes[at + 1]! & 0x3f) << 6) | (bytes[at + 2]! & 0x3f));
    at += 2;
    start = at + 1;
  }
  return text + decodeStrict(bytes.subarray(start));
}

function decodeStrict(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    throw new Malformed("a text is not UTF-8");
  }
}

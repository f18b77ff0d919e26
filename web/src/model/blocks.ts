// Gives the blocks that the page carries, each decoded when it is asked for.

import { Cursor, Malformed } from "../format/bytes";
import { hex } from "../format/definitions";
import { BlockKind, EVENTS_HEAD_BYTES, MAX_SOURCE_LINES } from "../format/vocabulary";

// What Python wrote into the page as text: inert until it is decoded here.
export interface Carried {
  kind: number;
  deflated: boolean;
  text: () => string;
}

export interface EventBlock {
  carried: Carried;
  first: number;
  baseUs: number;
  count: number;
}

const DIGEST = 32;

export async function readBlock(carried: Carried): Promise<Uint8Array> {
  const stored = fromBase64(carried.text());
  return carried.deflated ? inflate(stored) : stored;
}

export async function readEvents(block: EventBlock): Promise<Uint8Array> {
  return (await readBlock(block.carried)).subarray(EVENTS_HEAD_BYTES);
}

export function headOf(data: Uint8Array, carried: Carried): EventBlock {
  const view = new DataView(data.buffer, data.byteOffset, EVENTS_HEAD_BYTES);
  const first = Number(view.getBigUint64(0, true));
  return { carried, first, baseUs: Number(view.getBigUint64(8, true)), count: view.getUint32(16, true) };
}

// A file as it was when it ran. What was left out are empty lines; a gap is its first and its last line, from 1.
export interface SourceText {
  lines: string[];
  gaps: [first: number, last: number][];
}

export async function readDigest(carried: Carried): Promise<string> {
  return hex((await readBlock(carried)).subarray(0, DIGEST));
}

export async function readSource(carried: Carried): Promise<SourceText> {
  const data = await readBlock(carried);
  const cursor = new Cursor(data.subarray(DIGEST));
  const gaps: SourceText["gaps"] = [];
  const kept: [before: number, count: number][] = [];
  let count = 0;
  if (isOf("EXCERPT")(carried)) {
    for (let left = cursor.count(); left > 0; left--) {
      const before = cursor.uv();
      kept.push([before, cursor.uv()]);
      if (before > 0) gaps.push([count + 1, count + before]);
      count += before + kept.at(-1)![1];
      if (count > MAX_SOURCE_LINES) throw new Malformed("a source has more lines than one may have");
    }
  }
  const text = linesOf(new TextDecoder("utf-8").decode(data.subarray(DIGEST + cursor.at)));
  if (kept.length === 0) return { lines: text, gaps };
  const lines: string[] = [];
  let at = 0;
  for (const [before, size] of kept) {
    for (let left = before; left > 0; left--) lines.push("");
    for (const end = at + size; at < end; at++) lines.push(text[at] ?? "");
  }
  return { lines, gaps };
}

// As Python counts lines.
function linesOf(text: string): string[] {
  return text.replace(/\r\n?/g, "\n").split("\n");
}

// The blocks of a page, found by what Python wrote beside them.
export function carriedBlocks(document: Document): Carried[] {
  const found = document.querySelectorAll<HTMLScriptElement>("script[data-block]");
  return Array.from(found, (element) => ({
    kind: Number(element.dataset["block"]),
    deflated: element.dataset["deflated"] !== undefined,
    text: () => element.textContent ?? "",
  }));
}

export function isOf(kind: keyof typeof BlockKind): (carried: Carried) => boolean {
  return (carried) => carried.kind === BlockKind[kind];
}

interface WithFromBase64 {
  fromBase64?: (text: string) => Uint8Array;
}

export function fromBase64(text: string): Uint8Array {
  const native = (Uint8Array as unknown as WithFromBase64).fromBase64;
  if (native !== undefined) return native.call(Uint8Array, text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

// A zlib stream, which browsers call "deflate".
async function inflate(stored: Uint8Array): Promise<Uint8Array> {
  const stream = new DecompressionStream("deflate");
  const writer = stream.writable.getWriter();
  void writer.write(stored as Uint8Array<ArrayBuffer>).catch(() => undefined);
  void writer.close().catch(() => undefined);
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = stream.readable.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    size += value.length;
  }
  if (chunks.length === 1) return chunks[0]!;
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

// Reads pages as a browser would, for tests without one.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

import type { Value } from "../src/format/values";
import type { Carried, SourceText } from "../src/model/blocks";
import { type Head, Trace } from "../src/model/trace";

export const folder = (): string => process.env["VIEWER_TRACES"]!;
export const programs = (): string[] => readdirSync(folder()).filter((name) => name.endsWith(".json")).map((name) => name.slice(0, -5));

export function readPage(path: string): { head: Head; carried: Carried[] } {
  const html = readFileSync(path, "ascii");
  const head = JSON.parse(/<script type="application\/json" id="head">(.*?)<\/script>/s.exec(html)![1]!) as Head;
  const blocks = html.matchAll(/<script type="application\/octet-stream" data-block="(\d)"( data-deflated)?>(.*?)<\/script>/gs);
  const carried = Array.from(blocks, (found) => ({ kind: Number(found[1]), deflated: !!found[2], text: () => found[3]! }));
  return { head, carried };
}

export async function openProgram(name: string): Promise<Trace> {
  const { head, carried } = readPage(join(folder(), `${name}.html`));
  return Trace.open(head, carried);
}

export function expected(name: string): { events: Record<string, unknown>[]; values: Record<string, unknown>; texts: Record<string, [string, string][]>; told: Record<string, [n: number, isDoubtful: boolean][]>; sources: Record<string, SourceText | null> } {
  return JSON.parse(readFileSync(join(folder(), `${name}.json`), "ascii"));
}

const number = (value: bigint): string => `int ${value < 0n ? "-" : ""}${(value < 0n ? -value : value).toString(16)}`;

// A value as JSON can hold it; see make_traces.py.
export function plain(value: Value): Record<string, unknown> {
  const out: Record<string, unknown> = { ...value };
  if (typeof value.value === "bigint") out["value"] = number(value.value);
  if (value.items) out["items"] = value.items.map(plain);
  if (value.entries) out["entries"] = value.entries.map((pair) => pair.map(plain));
  if (value.attributes) out["attributes"] = pairs(value.attributes);
  return out;
}

export const pairs = (values: Iterable<[string, Value]>): unknown[] => Array.from(values, ([name, value]) => [name, plain(value)]);

// Blocks that tell of objects are read as Python reads them, and hostile ones cost little.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { describe, expect, test } from "vitest";

import { type Decoded, decodeBlock } from "../src/format/decode";
import { Definitions } from "../src/format/definitions";
import * as limits from "../src/format/limits";
import { HeldValues } from "../src/format/objects";
import { Index, Scanner } from "../src/format/scan";
import type { Part, Value } from "../src/format/values";
import { describeChange, isSame } from "../src/model/changes";
import { storyOf } from "../src/model/told";
import { expected, folder, openProgram, pairs, programs } from "./pages";

interface Case {
  name: string;
  events: string;
  depth: number;
  told: unknown[][];
  damage: string | null;
}
const made = JSON.parse(readFileSync(join(folder(), "objects"), "ascii")) as {
  definitions: string;
  cases: Case[];
  limits: Record<string, unknown>;
};
const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));

function definitions(): Definitions {
  const defs = new Definitions();
  defs.feed(bytes(made.definitions));
  return defs;
}

// What the frame of the block held at each event.
function heldAt(decoded: Decoded): HeldValues[] {
  let parts = new Map<string, Part>();
  const states = [...(decoded.states.get(1) ?? [])];
  return decoded.events.map((event) => {
    while (states.length && states[0]!.at <= event.n) parts = new Map(states.shift()!.parts);
    for (const [name, part] of event.changes?.parts ?? []) parts.set(name, part);
    for (const name of event.deleted) parts.delete(name);
    return new HeldValues(new Map(parts), decoded.objects, 1, event.n);
  });
}

test.each(made.cases.map((one) => [one.name, one] as const))("%s", (_, { events, depth, told, damage }) => {
  const data = bytes(events);
  const decoded = decodeBlock(data, definitions(), 0, 0, Infinity, depth);
  expect(decoded.damage).toBe(damage);
  const held = heldAt(decoded);
  const read = (at: number): unknown[] => [decoded.events[at]!.changes ?? [], held[at]!].map(pairs);
  expect(decoded.events.length).toBe(told.length);
  for (const [at, want] of told.entries()) expect(read(at)).toEqual(want);
  // What was shown at later events does not change what earlier ones show.
  for (let at = told.length - 1; at >= 0; at--) expect(read(at)).toEqual(told[at]);
  const index = new Index(0, told.length);
  new Scanner(index, definitions()).feed(data, 0, 0, told.length);
  expect(index.damage).toBeNull();
});

test("the limits are those of Python", () => {
  const shared = Object.entries(made.limits).filter(([name]) => name in limits);
  expect(shared.map(([name]) => name).sort()).toEqual(["MAX_SHOWN_VALUES", "MAX_VALUE_PARTS", "NOT_HELD"]);
  expect(Object.fromEntries(shared)).toEqual(Object.fromEntries(shared.map(([name]) => [name, limits[name as keyof typeof limits]])));
});

const uv = (number: number): number[] => (number < 128 ? [number] : [(number & 127) | 128, ...uv(Math.floor(number / 128))]);
const CALL = [4, 1, 1, 1, 0, 0, 0];
const reference = (number: number): number[] => [19, ...uv(number)];
const list = (number: number, ...items: number[][]): number[] => [16, 12, 1, ...uv(number), ...uv(items.length), 0, ...uv(items.length)].concat(items.flat());
const replaced = (number: number, length: number, first: number, gone: number, ...items: number[][]): number[] =>
  [17, ...uv(number), ...uv(length), 0, 0, ...uv(first), ...uv(gone), ...uv(items.length), ...items.flat()];
const line = (number: number): number[] => [0x85, 0, 1, 1, ...reference(number), 0];
const INT = [3, 2];

const levels = (count: number): number[] => [23, 1, ...uv(count)];

test("values that show other numbers of levels are compared as far as both show", () => {
  const chain = [1, 2, 3, 4].flatMap((n) => list(n, reference(n + 1))).concat(list(5, INT));
  const grown = replaced(2, 2, 1, 0, INT);
  const { events } = decoded([CALL, chain, line(1), levels(1), line(1), grown, line(1), levels(2), line(1)].flat(), 3);
  const [all, one, longer, two] = events.slice(1).map((event) => event.changes!.get("a")!);
  expect([isSame(all, one), isSame(one, all), isSame(one, longer), isSame(longer, two)]).toEqual([true, true, false, true]);
  // Only that is told of which both show.
  expect(describeChange("a", all, one!)).toEqual([]);
  expect(describeChange("a", one, longer!)).toEqual(["len(a[0]) = 2"]);
  expect(describeChange("a", all, longer!)).toEqual(["a[0] = [\u2026depth, 2 in all]"]);
  expect(describeChange("a", all, two!)).toEqual(["a[0][1] = 1"]);
});

test("a block says so much of levels and no more", () => {
  const data = [...CALL, ...Array.from({ length: 131072 }, () => levels(1)).flat(), 5, 2];
  const both = (more: number[]): unknown[] => {
    const bytes = Uint8Array.from([...data, ...more]);
    const index = new Index(0, 3);
    new Scanner(index, definitions()).feed(bytes, 0, 0, 3);
    return [decodeBlock(bytes, definitions(), 0, 0, 3, 3).damage, index.damage];
  };
  expect(both([5, 2])).toEqual([null, null]);
  const said = "a block says more of levels than one may";
  expect(both([...levels(1), 5, 2])).toEqual([said, `a record is damaged: ${said}`]);
});

function sizeOf(value: Value): number {
  return 1 + (value.items ?? []).reduce((size, item) => size + sizeOf(item), 0);
}

function decoded(data: number[], depth: number): Decoded {
  const found = decodeBlock(Uint8Array.from(data), definitions(), 0, 0, Infinity, depth);
  expect(found.damage).toBeNull();
  return found;
}

describe("a hostile block is shown in little time and memory", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const memory = (): number => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  // `kept` is what the page would hold on to.
  const begin = (): ((kept: Decoded) => void) => {
    const [used, began] = [memory(), process.cpuUsage()];
    return (kept) => {
      const { user, system } = process.cpuUsage(began);
      expect(user + system).toBeLessThan(8e6);
      expect(memory() - used).toBeLessThan(250e6);
      expect(kept.damage).toBeNull();
    };
  };

  test("where what is shared doubles at every level", () => {
    const end = begin();
    const objects = Array.from({ length: 2000 }, (_, at) => list(at + 1, reference(at + 2), reference(at + 2)));
    const lines = Array.from({ length: 2000 }, (_, at) => line(at + 1));
    const block = decoded([CALL, objects.flat(), list(2001), lines.flat()].flat(), 100);
    const { events } = block;
    for (const event of events.slice(1)) expect(sizeOf(event.changes!.get("a")!)).toBeLessThanOrEqual(65536);
    end(block);
  });

  test("where all refer to all", () => {
    const end = begin();
    const all = Array.from({ length: 300 }, (_, at) => at + 1);
    const objects = all.map((number) => list(number, ...all.map(reference)));
    const block = decoded([CALL, objects.flat(), all.flatMap(line)].flat(), 100);
    const { events } = block;
    let before: Value | undefined;
    for (const event of events.slice(1)) {
      const value = event.changes!.get("a")!;
      expect(value.reason).toBe("more than a reader holds at once");
      isSame(value, before);
      before = value;
    }
    end(block);
  });

  test("where every event shows another long chain", () => {
    const end = begin();
    const all = Array.from({ length: 10_000 }, (_, at) => at + 1);
    const chain = all.flatMap((number) => list(number, reference(number + 1)));
    const block = decoded([CALL, chain, list(10_001), all.flatMap(line)].flat(), 100);
    const { events } = block;
    for (const event of events.slice(1)) event.changes!.get("a");
    end(block);
  });

  test("where a long list is changed again and again", () => {
    const end = begin();
    const length = 100_000;
    const long = list(1, ...Array.from({ length }, () => INT));
    const changes = Array.from({ length: 100_000 }, () => [...replaced(1, length, 0, 0, INT), ...replaced(1, length, 0, 1)]);
    const block = decoded([CALL, long, line(1), changes.flat(), line(1)].flat(), 3);
    const { events } = block;
    expect(events[1]!.changes!.get("a")!.items!.length).toBe(65535);
    const last = events[2]!.changes!.get("a")!;
    expect([last.items!.length, last.reason]).toEqual([0, "more than a reader holds at once"]);
    expect(events[1]!.changes!.get("a")!.items!.length).toBe(65535);
    end(block);
  });

  test("where there are more parts than a block can show", () => {
    const end = begin();
    const length = 300_000;
    const many = [...CALL, 16, 12, 1, 1, ...uv(length), 0, ...uv(length)].concat(Array.from({ length: 2 * length }, (_, at) => INT[at % 2]!));
    const block = decoded(many.concat(replaced(1, length, 0, 5), replaced(1, length, 0, 0, INT), line(1)), 3);
    const { events } = block;
    expect(events[1]!.changes!.get("a")!.reason).toBe("more than a reader holds at once");
    end(block);
  });

  test("where there are too many records of objects", () => {
    const data = Uint8Array.from([CALL, list(1), Array(limits.MAX_OBJECT_RECORDS).fill(replaced(1, 0, 0, 0)).flat(), line(1)].flat());
    expect(decodeBlock(data, definitions(), 0, 0, Infinity).damage).toBe("a block tells of more objects than one may");
  });
});

test("changes far apart are found from any side", () => {
  const changes = Array.from({ length: 5000 }, (_, at) => [...replaced(1, at + 1, at % 7, 0, [3, ...uv(2 * at)]), ...line(1)]);
  const { events } = decoded([CALL, list(1), changes.flat()].flat(), 3);
  const want: number[][] = [];
  const items: number[] = [];
  for (let at = 0; at < 5000; at++) {
    items.splice(Math.min(at % 7, at), 0, at);
    want.push(items.slice(0, 12));
  }
  const shown = (at: number): unknown[] => events[at + 1]!.changes!.get("a")!.items!.slice(0, 12).map((item) => item.value);
  for (const at of [4999, 3, 2500, 2499, 2498, 0, 4000, 4001, 17]) expect(shown(at)).toEqual(want[at]);
  expect(events[5000]!.changes!.get("a")!.items!.length).toBe(5000);
});

test.each(programs())("who changed an object in %s is what Python says", async (name) => {
  const trace = await openProgram(name);
  for (const [number, told] of Object.entries(expected(name).told)) {
    const { changes, isCut } = await storyOf(trace, Number(number), 0, Infinity);
    expect(isCut).toBe(false);
    expect([number, changes.map(({ n, isDoubtful }) => [n, isDoubtful])]).toEqual([number, told]);
  }
});

test("of many records of an object those around the moment are looked at", async () => {
  const trace = await openProgram("blocks");
  const [number, told] = Object.entries(expected("blocks").told).reduce((most, one) => (one[1].length > most[1].length ? one : most));
  const middle = told[told.length >> 1]![0];
  const { changes, isCut } = await storyOf(trace, Number(number), middle, 10);
  expect(isCut).toBe(true);
  expect(changes.length).toBeLessThanOrEqual(10);
  expect(changes.some(({ n }) => n >= middle) && changes.some(({ n }) => n <= middle)).toBe(true);
});

test("records of more objects than the page holds are counted as cut", () => {
  const index = new Index(0, 1);
  index.told.push(0, 2 ** 40, false);
  expect([index.told.size, index.told.isCut]).toEqual([0, true]);
});

// Steps, loops, searches and texts, without a browser.
import { describe, expect, test } from "vitest";

import { Cursor, Malformed } from "../src/format/bytes";
import { decodeBlock } from "../src/format/decode";
import { Definitions } from "../src/format/definitions";
import { floatText, safeLines, safeText } from "../src/format/python";
import { Index, NONE, Scanner } from "../src/format/scan";
import { KINDS } from "../src/format/vocabulary";
import { rowOf, rowsOf } from "../src/model/folds";
import { markOf, markWords, positionIn, shownLine } from "../src/model/mark";
import { into, intoBack, out, over, overBack } from "../src/model/navigate";
import { parseQuery } from "../src/model/search";
import { tokenize } from "../src/model/syntax";
import { treeRows } from "../src/model/tree";
import { openProgram, programs } from "./pages";

test.each([
  [1, "1.0"], [0.1, "0.1"], [-0, "-0.0"], [1e16, "1e+16"], [123456789012345680, "1.2345678901234568e+17"], [0.0001, "0.0001"],
  [0.00001, "1e-05"], [1.5e-7, "1.5e-07"], [1e100, "1e+100"],
])("a float is written as Python writes it: %s", (number, text) => expect(floatText(number)).toBe(text));

test("text that is shown has no control character and nothing that turns its direction", () => {
  expect(safeText("a\u001b[31m\u2028\u202e\ud800\n\u00e9\u{1f600}")).toBe("a\\x1b[31m\\u2028\\u202e\\ud800\\n\u00e9\u{1f600}");
  expect(safeLines("a\r\n\tb\u0000")).toBe("a\n\tb\\x00");
});

test.each([
  ["fn:read", [{ field: "fn", text: "read" }]],
  ['out:"two words" Plain', [{ field: "out", text: "two words" }, { field: null, text: "plain" }]],
  ["http://x", [{ field: null, text: "http://x" }]],
  ['val:"open', [{ field: "val", text: "open" }]],
  ["  ", []],
])("a query is split: %s", (query, terms) => expect(parseQuery(query)).toEqual(terms));

test("a string over several lines stays a string", () => {
  const lines = ['x = """a', "def b", 'c""" + 1  # d'];
  expect(tokenize(lines).map((line) => line.map(([, text]) => text).join(""))).toEqual(lines);
  expect(tokenize(lines)[1]).toEqual([["string", "def b"]]);
});

test("a piece of a line is found by its bytes, and marked in the line as it is shown", () => {
  const line = '\tx = f("\u00e9\u{1f600}", g(1)) + g(2)';
  const column = new TextEncoder().encode(line.slice(0, line.indexOf("g(1)"))).length;
  const at = { line: 3, endLine: 3, column, endColumn: column + 4 };
  const tokens = tokenize([shownLine(line)])[0]!;
  const shown = (mark: [number, number] | null): string[] =>
    markWords(tokens, mark).filter(([, , isMarked]) => isMarked).map(([, text]) => text);
  expect(shown(markOf(line, 3, at)).join("")).toBe("g(1)");
  expect(markWords(tokens, markOf(line, 3, at)).map(([, text]) => text).join("")).toBe(shownLine(line));
  // A piece of several lines; one that is not here; a whole line; columns that the line does not have.
  expect(shown(markOf(line, 3, { ...at, endLine: 4, endColumn: 1 })).join("")).toBe("g(1)) + g(2)");
  expect(markOf(line, 3, { line: 2, endLine: 4, column: 0, endColumn: 1 })).toBeNull();
  for (const none of [null, { ...at, line: 4, endLine: 4 }, { ...at, column: 1, endColumn: 99 }, { ...at, column: 900, endColumn: 999 }]) {
    expect(markOf(line, 3, none)).toBeNull();
  }
});

test("the piece is what has failed in a frame, and what was called in those that called it", async () => {
  const trace = await openProgram("positions");
  const { index } = trace;
  const at = (kind: string): number => Array.from({ length: index.stop }, (_, n) => n).find((n) => KINDS[index.kind(n)] === kind)!;
  const n = at("raise");
  const inner = index.frame(n)!.index;
  const text = async (frame: number): Promise<string | null> => {
    const position = await positionIn(trace, frame, n, await trace.event(trace.lastEventOf(frame, n)));
    const source = (await trace.source(index.frames[frame]!.code!.file))!;
    return position === null ? null : source.lines[position.line - 1]!.slice(position.column, position.endColumn);
  };
  expect(await text(inner)).toBe("1 / number");
  expect(await text(index.frames[inner]!.parent)).toBe("divided(0)");
  expect(await positionIn(trace, inner, n - 1, await trace.event(n - 1))).toBeNull();
});

test.each([[[0x80]], [[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]], [[]]])("a number without an end is a fault: %j", (bytes) => {
  expect(() => new Cursor(Uint8Array.from(bytes)).uv()).toThrow(Malformed);
});

test("what was left out of a source is one row, and each line has its row", () => {
  const lines = ["", "", "def f():", "    return 1", "", ""];
  const rows = rowsOf({ lines, gaps: [[1, 2], [5, 6]] });
  expect(rows.map((row) => [row.first, row.last, row.isFold])).toEqual([[1, 2, true], [3, 3, false], [4, 4, false], [5, 6, true]]);
  expect([0, 1, 2, 3, 4, 5, 6, 7].map((line) => rowOf(rows, line))).toEqual([-1, 0, 0, 1, 2, 3, 3, -1]);
  const whole = rowsOf({ lines, gaps: [] });
  expect(whole.length).toBe(6);
  expect(rowOf(whole, 6)).toBe(5);
});

test("any bytes at all give a prefix and a fault, never another error", () => {
  let seed = 1;
  const random = (): number => (seed = (seed * 48271) % 2147483647) % 256;
  for (let round = 0; round < 3000; round++) {
    const data = Uint8Array.from({ length: round % 40 }, random);
    const defs = new Definitions();
    try {
      defs.feed(data);
    } catch (error) {
      expect(error).toBeInstanceOf(Malformed);
    }
    const decoded = decodeBlock(data, defs, 0, 0, 100);
    const index = new Index(0, 100);
    new Scanner(index, defs).feed(data, 0, 0, 100);
    // The walk does not look into values and messages; it is never behind.
    expect(index.stop).toBeGreaterThanOrEqual(decoded.events.length);
  }
});

describe.each(programs())("in the trace of %s", (name) => {
  test("every step that goes somewhere stays in the trace, and one event back undoes one event on", async () => {
    const { index } = await openProgram(name);
    for (let n = index.first; n < index.stop; n++) {
      if (index.frame(n) === null) continue;
      const next = into(index, n);
      if (next !== NONE) expect(intoBack(index, next)).toBe(n);
      for (const to of [over(index, n), out(index, n)]) if (to !== NONE) expect(to).toBeGreaterThan(n);
      const back = overBack(index, n);
      if (back !== NONE) expect(back).toBeLessThan(n);
    }
  });

  test("the tree with everything open has every call once", async () => {
    const { index } = await openProgram(name);
    const all = new Set(index.frames.map((frame) => frame.index));
    expect(treeRows(index, all, all, "").rows.map((row) => row.frame).sort((a, b) => a - b)).toEqual([...all].sort((a, b) => a - b));
  });
});

// The decoder says of each program exactly what the JSON lines export says.
import { describe, expect, test } from "vitest";

import type { Event } from "../src/format/decode";
import type { Value } from "../src/format/values";
import { KINDS } from "../src/format/vocabulary";
import { renderValue } from "../src/model/render";
import { expected, openProgram, pairs, plain, programs } from "./pages";

function text(key: string, value: Value): Record<string, unknown> {
  return { [key]: value.value, ...(value.truncated ? { truncated: true, length: value.length } : {}) };
}

function object(event: Event): Record<string, unknown> {
  const out: Record<string, unknown> = { n: event.n, kind: event.kind, thread: event.thread };
  if (event.kind === "gap") return { ...out, dropped: event.dropped, reason: event.word };
  if (event.timeUs !== null) out["time_us"] = event.timeUs;
  if (event.kind === "level") return { ...out, level: event.word };
  if (event.kind === "span") return { ...out, phase: event.word, edge: event.edge, name: event.name, outcome: event.outcome };
  Object.assign(out, { frame: event.frame, file: event.code?.file ?? null, line: event.line, function: event.code?.name ?? null });
  if (event.kind === "call") Object.assign(out, { args: pairs(event.args!), parent: event.parent });
  else if (event.value) out["value"] = plain(event.value);
  else if (event.exception) {
    const { type, message, id, length } = event.exception;
    out["exception"] = { type, message, id, ...(length > [...message].length ? { truncated: true, length } : {}) };
  } else if (event.kind === "output") Object.assign(out, { stream: event.word }, text("text", event.text!));
  else if (event.kind === "log") Object.assign(out, { level: event.word, logger: event.name }, text("message", event.text!));
  if (event.position !== null) {
    const { line, endLine, column, endColumn } = event.position;
    out["position"] = { line, end_line: endLine, column, end_column: endColumn };
  }
  if (event.changes?.size) out["changes"] = pairs(event.changes);
  if (event.deleted.length) out["deleted"] = event.deleted;
  if (event.levels !== null && ["args", "value", "changes"].some((key) => key in out)) out["levels"] = event.levels;
  return out;
}

describe.each(programs())("the trace of %s", (name) => {
  test("has the events of the export", async () => {
    const trace = await openProgram(name);
    const want = expected(name).events;
    const got: unknown[] = [];
    for (let at = 0; at < trace.blockCount; at++) got.push(...(await trace.decodedBlock(at)).events.map(object));
    expect(got.length).toBe(want.length);
    for (let n = 0; n < want.length; n++) expect(got[n]).toEqual(want[n]);
  });

  test("has an index that agrees with the events", async () => {
    const { index } = await openProgram(name);
    const want = expected(name).events;
    expect(index.damage).toBeNull();
    expect(index.stop).toBe(want.length);
    const last = new Map<unknown, number>();
    for (const [n, event] of want.entries()) {
      expect(KINDS[index.kind(n)]).toBe(event["kind"]);
      expect(index.frame(n)?.number ?? null).toBe(event["frame"] ?? null);
      if (event["frame"] == null) continue;
      expect(index.line(n)).toBe(event["line"]);
      expect(index.prevInFrame(n)).toBe(last.get(event["frame"]) ?? -1);
      last.set(event["frame"], n);
      if (event["kind"] === "call") {
        const row = index.frame(n)!;
        expect(row.first).toBe(n);
        expect(row.parent === -1 ? null : index.frames[row.parent]!.number).toBe(event["parent"]);
      }
    }
  });

  test("words values as the text of the command line does", async () => {
    const trace = await openProgram(name);
    for (const [n, texts] of Object.entries(expected(name).texts)) {
      const values = await trace.valuesAt(trace.index.frame(Number(n))!.index, Number(n));
      const got = Array.from(values, ([word, value]) => [word, renderValue(value, 10_000).replaceAll("\u2026", "...")]);
      expect(got).toEqual(texts);
    }
  });

  test("knows the values of any moment", async () => {
    const trace = await openProgram(name);
    for (const [n, values] of Object.entries(expected(name).values)) {
      const frame = trace.index.frame(Number(n))!;
      expect(pairs(await trace.valuesAt(frame.index, Number(n)))).toEqual(values);
    }
  });

  test("has the lines of its sources, and says which are not there", async () => {
    const trace = await openProgram(name);
    // What stands behind the last line end is no line.
    const without = (lines: string[]): string => lines.join("\n").trimEnd();
    for (const [file, source] of Object.entries(expected(name).sources)) {
      const got = await trace.source(file);
      expect(got?.gaps).toEqual(source?.gaps);
      expect(got && without(got.lines)).toEqual(source && without(source.lines));
    }
  });
});

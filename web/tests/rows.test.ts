// Rows that are added to a copy of the format table are passed over by readers that cannot show them.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { build, type Rollup } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";

type Readers = Pick<typeof import("../src/format/decode"), "decodeBlock"> &
  Pick<typeof import("../src/format/definitions"), "Definitions"> &
  Pick<typeof import("../src/format/scan"), "Index" | "Scanner">;

const root = mkdtempSync(join(tmpdir(), "rows-"));
const bytes = (name: string): Uint8Array => new Uint8Array(readFileSync(join(root, name)));
let readers: Readers;

beforeAll(async () => {
  const copy = ["-m", "tests.unit.format.new_rows", root];
  execFileSync(process.env["PYTHON"] ?? "python3", copy, { cwd: fileURLToPath(new URL("../..", import.meta.url)) });
  const format = join(root, "web", "src", "format");
  writeFileSync(join(format, "all.ts"), ["decode", "definitions", "scan"].map((name) => `export * from "./${name}";`).join("\n"));
  const lib = { entry: join(format, "all.ts"), formats: ["es" as const] };
  const [built] = (await build({ configFile: false, logLevel: "silent", root, build: { write: false, lib } })) as Rollup.RollupOutput[];
  const url = `data:text/javascript;base64,${Buffer.from(built!.output[0].code).toString("base64")}`;
  readers = (await import(/* @vite-ignore */ url)) as Readers;
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function definitions(): InstanceType<Readers["Definitions"]> {
  const defs = new readers.Definitions();
  defs.feed(bytes("definitions.bin"));
  return defs;
}

test("the decoder says what it cannot show and goes on", () => {
  const defs = definitions();
  expect([...defs.codes.keys()]).toEqual([1]);
  const { events, damage } = readers.decodeBlock(bytes("events.bin"), defs, 0, 0, 9);
  expect(damage).toBeNull();
  expect(events.map((event) => [event.n, event.kind, event.line, event.timeUs])).toEqual([
    [0, "call", 1, 3],
    [1, "pause", 3, 12],
    [2, "return", 4, 13],
  ]);
  expect(events[0]!.args!.get("x")!.unavailable).toBe("this version cannot show it");
  expect(events[2]!.value!.unavailable).toBe("this version cannot show it");
});

test("the scan passes over them", () => {
  const index = new readers.Index(0, 3);
  new readers.Scanner(index, definitions()).feed(bytes("events.bin"), 0, 0, 3);
  expect(index.damage).toBeNull();
  expect(index.stop).toBe(3);
});

test.each([
  [[0x1a], "unknown record 26"],
  [[0x06, 0x02, 0x01, 0x15], "unknown value 21"],
])("what is in no table is a fault: %j", (more, message) => {
  const wrong = new Uint8Array([...bytes("events.bin"), ...more]);
  expect(readers.decodeBlock(wrong, definitions(), 0, 0, 9).damage).toBe(message);
});

// What was changed in place, deep inside and by others, is told where it was made.
import { expect, test } from "vitest";

import { originOf } from "../src/model/origin";
import { lineStories } from "../src/model/story";
import { openProgram } from "./pages";

test("a list that others hold is told by each of them, in every block", async () => {
  const trace = await openProgram("blocks");
  const { index } = trace;
  expect(trace.blockCount).toBeGreaterThan(1);
  const frame = 0;
  const early = await lineStories(trace, frame, 60);
  const told = [...early.values()].flatMap((story) => story.texts);
  expect(told).toContain("index['lowest'].things[3] = 3");
  expect(told).toContain("len(top.below[1].things) = 4");
  const [hop] = await originOf(trace, frame, 60, "index");
  expect(hop!.how).toBe("changed in place");
  // As many things as before are beyond the bound on depth: of `top` nothing can be told.
  const late = await lineStories(trace, frame, index.stop - 3);
  const texts = [...late.values()].flatMap((story) => story.texts);
  expect(texts.some((text) => text.startsWith("lowest"))).toBe(true);
  expect(texts.some((text) => text.startsWith("top"))).toBe(false);
});

test("an object has one number wherever it stands, in every block", async () => {
  const trace = await openProgram("blocks");
  const numbers = new Set<number | undefined>();
  for (const n of [100, trace.index.stop - 3]) {
    const values = await trace.valuesAt(0, n);
    const inside = values.get("index")!.entries!.find(([key]) => key.value === "lowest")![1];
    const below = values.get("top")!.attributes!.get("below")!.items![1]!;
    for (const value of [values.get("lowest")!, inside, below]) numbers.add(value.id);
  }
  expect([...numbers]).toEqual([expect.any(Number)]);
});

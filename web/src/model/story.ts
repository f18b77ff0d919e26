// Tells what each line of a frame changed: changes stand beside the line that made them.

import type { Value } from "../format/values";
import { NONE } from "../format/scan";
import { KINDS } from "../format/vocabulary";
import { describeChange } from "./changes";
import type { Trace } from "./trace";

const OWNERS = new Set(["call", "line", "resume"]);
const MOST_MOMENTS = 4000;
const MOST_EVENTS = 50_000;
const MOST_TEXTS = 12;

export interface LineStory {
  line: number;
  n: number; // the moment at which the line began
  changed: number; // the moment at which its changes are there
  texts: string[];
  names: string[];
}

// For each line of the frame the last that it did up to `n`, keyed by the line.
export async function lineStories(trace: Trace, frame: number, n: number): Promise<Map<number, LineStory>> {
  const { index } = trace;
  const end = trace.lastEventOf(frame, n);
  if (end === NONE) return new Map();
  let start = end;
  for (let count = 0; count < MOST_MOMENTS; count++) {
    const before = index.prevInFrame(start);
    if (before === NONE || end - before > MOST_EVENTS) break;
    start = before;
  }
  const values = await trace.valuesAt(frame, start);
  const stories = new Map<number, LineStory>();
  let owner = OWNERS.has(KINDS[index.kind(start)]!) ? start : NONE;
  const first = await trace.event(start);
  if (first?.args) add(stories, index.line(start), start, start, first.args, new Map());
  for (let m = index.nextInFrame(start); m !== NONE && m <= end; m = index.nextInFrame(m)) {
    if (index.hasChanges(m)) {
      const event = await trace.event(m);
      const changes = event?.changes ?? new Map<string, Value>();
      if (owner !== NONE) {
        const story = add(stories, index.line(owner), owner, m, changes, values);
        for (const name of event?.deleted ?? []) story.texts.push(`del ${name}`);
      }
      for (const [name, value] of changes) values.set(name, value);
      for (const name of event?.deleted ?? []) values.delete(name);
    }
    if (OWNERS.has(KINDS[index.kind(m)]!)) {
      owner = m;
      // What the line did the last time is not what it does now.
      if (m < end) stories.delete(index.line(m));
    }
  }
  return stories;
}

function add(
  stories: Map<number, LineStory>, line: number, n: number, changed: number, changes: Map<string, Value>, before: Map<string, Value>,
): LineStory {
  let story = stories.get(line);
  if (story === undefined || story.n !== n) {
    story = { line, n, changed, texts: [], names: [] };
    stories.set(line, story);
  }
  for (const [name, value] of changes) {
    if (story.texts.length < MOST_TEXTS) story.texts.push(...describeChange(name, before.get(name), value));
    story.names.push(name);
  }
  return story;
}

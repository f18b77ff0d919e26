// Tells what each line of a frame changed: changes stand beside the line that made them.

import type { Values } from "../format/objects";
import { NONE } from "../format/scan";
import { KINDS } from "../format/vocabulary";
import { describeChange } from "./changes";
import type { Trace } from "./trace";

const OWNERS = new Set(["call", "line", "resume"]);
const MOST_MOMENTS = 4000;
const MOST_EVENTS = 50_000;
const MOST_TEXTS = 12;

export class LineStory {
  readonly names: string[] = [];
  private told: (() => string[])[] = [];
  private words: string[] | null = null;

  constructor(
    readonly line: number,
    readonly n: number, // the moment at which the line began
    readonly changed: number, // the moment at which its changes are there
  ) {}

  tell(text: () => string[]): void {
    this.told.push(text);
  }

  // Made when they are asked for: most lines are not seen, and values can be large.
  get texts(): readonly string[] {
    if (this.words === null) {
      this.words = [];
      for (const text of this.told) if (this.words.length < MOST_TEXTS) this.words.push(...text());
      this.told = [];
    }
    return this.words;
  }
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
  const known = await trace.valuesAt(frame, start);
  // The values in which a name was changed last; null where it was deleted.
  const latest = new Map<string, Values | null>();
  const before: Before = (name) => (latest.has(name) ? latest.get(name)! : known);
  const stories = new Map<number, LineStory>();
  let owner = OWNERS.has(KINDS[index.kind(start)]!) ? start : NONE;
  const first = await trace.event(start);
  if (first?.args) add(stories, index.line(start), start, start, first.args, () => null);
  for (let m = index.nextInFrame(start); m !== NONE && m <= end; m = index.nextInFrame(m)) {
    if (index.hasChanges(m)) {
      const event = await trace.event(m);
      const changes: Values = event?.changes ?? new Map();
      if (owner !== NONE) {
        const story = add(stories, index.line(owner), owner, m, changes, before);
        for (const name of event?.deleted ?? []) story.tell(() => [`del ${name}`]);
      }
      for (const name of changes.keys()) latest.set(name, changes);
      for (const name of event?.deleted ?? []) latest.set(name, null);
    }
    if (OWNERS.has(KINDS[index.kind(m)]!)) {
      owner = m;
      // What the line did the last time is not what it does now.
      if (m < end) stories.delete(index.line(m));
    }
  }
  return stories;
}

// The values in which a name was before.
type Before = (name: string) => Values | null;

function add(stories: Map<number, LineStory>, line: number, n: number, changed: number, changes: Values, before: Before): LineStory {
  let story = stories.get(line);
  if (story === undefined || story.n !== n) {
    story = new LineStory(line, n, changed);
    stories.set(line, story);
  }
  for (const name of changes.keys()) {
    const old = before(name);
    story.names.push(name);
    story.tell(() => describeChange(name, old?.get(name), changes.get(name)!));
  }
  return story;
}

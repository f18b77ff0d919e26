// The numbers, words, limits and field strings of a trace. Written by `just format-table` from table.py,
// which says what they mean.

export const Define = {
  NAME: 1,
  TYPE: 2,
  FILE: 3,
  CODE: 4,
  THREAD: 5,
  POSITION: 6,
} as const;

export const Op = {
  FRAME: 1,
  SWITCH: 2,
  STATE: 3,
  CALL: 4,
  LINE: 5,
  RETURN: 6,
  YIELD: 7,
  RESUME: 8,
  THROW: 9,
  RAISE: 10,
  UNWIND: 11,
  OUTPUT: 12,
  LOG: 13,
  SPAN: 14,
  GAP: 15,
  OBJECT: 16,
  ITEMS: 17,
  ENTRIES: 18,
  ATTRIBUTES: 19,
  PLACE: 20,
  LEVEL: 21,
  AT_LEVEL: 22,
  LEVELS: 23,
  MASK: 0x3F,
  CHANGES: 0x80,
} as const;

export const Tag = {
  NONE: 0,
  TRUE: 1,
  FALSE: 2,
  INT: 3,
  BIG_INT: 4,
  HUGE_INT: 5,
  FLOAT: 6,
  COMPLEX: 7,
  STR: 8,
  STR_CUT: 9,
  BYTES: 10,
  BYTES_CUT: 11,
  SEQUENCE: 12,
  MAPPING: 13,
  OBJECT: 14,
  TEXT: 15,
  SUBCLASS: 16,
  OPAQUE: 17,
  REDACTED: 18,
  REFERENCE: 19,
} as const;

export const BlockKind = {
  MANIFEST: 1,
  DEFINITIONS: 2,
  SOURCE: 3,
  EVENTS: 4,
  INDEX: 5,
  TRAILER: 6,
  EXCERPT: 7,
} as const;

export const KINDS = [
  "",
  "",
  "",
  "",
  "call",
  "line",
  "return",
  "yield",
  "resume",
  "throw",
  "raise",
  "unwind",
  "output",
  "log",
  "span",
  "gap",
  "",
  "",
  "",
  "",
  "",
  "level",
  "",
  "",
] as const;
export type Kind = Exclude<(typeof KINDS)[number], "">;

export const LEVELS = [
  "calls",
  "lines",
  "values",
] as const;
export const PHASES = [
  "setup",
  "call",
  "teardown",
  "fixture",
] as const;
export const EDGES = [
  "begin",
  "end",
] as const;
export const STREAMS = [
  "stdout",
  "stderr",
] as const;
export const REASONS = [
  "",
  "depth",
  "items",
  "attributes",
  "cycle",
  "changed while it was read",
  "no state that can be read without running code",
  "reading it would run code of the program",
  "the recorder failed to read it",
] as const;

export const MAX_DEPTH = 100;
export const MAX_NESTING = 101;
export const MAX_INT_BYTES = 65536;
export const MAX_BLOCK_FRAMES = 131072;
export const MAX_SOURCE_LINES = 262144;
export const EVENTS_HEAD_BYTES = 20;

// The operations that are events of the current frame, and those with a time.
export const WITH_LINE: readonly boolean[] = [false, false, false, false, false, true, true, true, true, true, true, true, true, true, false, false, false, false, false, false, false, false, false, false];
export const WITH_TIME: readonly boolean[] = [false, false, false, false, false, false, true, true, true, true, true, true, true, true, false, false, false, false, false, false, false, true, false, false];

// Holds where the reader stands: the moment, the frame, the variable, the tab. The URL fragment says the same.

import { createContext } from "preact";
import { useContext, useEffect, useReducer, useRef, useState } from "preact/hooks";

import type { Event } from "../format/decode";
import { type Index, NONE } from "../format/scan";
import { executions, following, into, intoBack, out, outBack, over, overBack, preceding } from "../model/navigate";
import { type Iterations, iterationOf, iterationsAt } from "../model/loops";
import type { Result } from "../model/search";
import type { Attempt, Trace } from "../model/trace";

export type Tab = "exceptions" | "output" | "search" | "line" | "text" | "recorder";
export const TABS: Tab[] = ["exceptions", "output", "search", "line", "text", "recorder"];
export type Against = "step" | "call" | "iteration";

export interface State {
  n: number;
  frame: number;
  name: string | null;
  tab: Tab;
  against: Against;
  query: string;
  results: Result[];
  from: number; // the part of the trace that the timeline shows
  to: number;
  isHelpOpen: boolean;
  hasKeys: boolean;
  says: string; // for screen readers, and the line of the toolbar
}

export type Move =
  | "into" | "over" | "out" | "into-back" | "over-back" | "out-back" | "line-next" | "line-back" | "write-next" | "write-back"
  | "raise-next" | "raise-back" | "output-next" | "output-back" | "iteration-next" | "iteration-back" | "failure" | "first" | "last";

const NOWHERE: Record<string, string> = {
  "line-next": "This line does not run again", "line-back": "This line did not run before",
  "write-next": "The variable is not written again in this call", "write-back": "The variable was not written before in this call",
  "raise-next": "No later exception", "raise-back": "No earlier exception", "output-next": "No later output", "output-back": "No earlier output",
  "iteration-next": "No further iteration", "iteration-back": "No earlier iteration", failure: "Nothing failed in this trace",
};

export class Store {
  state: State;
  readonly index: Index;
  peek = NONE;
  private readonly watchers = new Set<() => void>();
  private readonly peekers = new Set<() => void>();
  private readonly prints: number[];
  private lastIterations: Iterations | null = null;
  private lastExecutions: { file: string; line: number; found: number[] } | null = null;

  constructor(
    readonly trace: Trace,
    readonly attempts: Attempt[],
  ) {
    const { index } = trace;
    this.index = index;
    this.prints = [...index.marks.output, ...index.marks.log].sort((a, b) => a - b);
    this.state = {
      n: NONE, frame: NONE, name: null, tab: index.marks.raise.length ? "exceptions" : "output", against: "step", query: "",
      results: [], from: index.first, to: Math.max(index.stop, index.first + 1), isHelpOpen: false, hasKeys: true, says: "",
    };
    this.place(this.start());
    this.read();
  }

  // The failure, or the last moment of what was recorded.
  private start(): number {
    const failure = this.trace.head.failure;
    if (failure !== null && this.index.has(failure)) return failure;
    for (let n = this.index.stop - 1; n >= this.index.first; n--) if (this.index.frame(n) !== null) return n;
    return NONE;
  }

  // The moment under the pointer. It changes with every move, and only the timeline looks at it.
  setPeek(n: number): void {
    if (n === this.peek) return;
    this.peek = n;
    for (const watcher of this.peekers) watcher();
  }

  watchPeek(watcher: () => void): () => void {
    this.peekers.add(watcher);
    return () => this.peekers.delete(watcher);
  }

  set(patch: Partial<State>): void {
    this.state = { ...this.state, ...patch };
    for (const watcher of this.watchers) watcher();
  }

  watch(watcher: () => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  private place(n: number): void {
    const frame = n === NONE ? null : this.index.frame(n);
    this.state = { ...this.state, n, frame: frame?.index ?? NONE };
  }

  // Goes to a moment; `frame` is one of its callers where the reader wants to look at that.
  go(n: number, frame: number = NONE, name: string | null = this.state.name): void {
    const to = this.nearest(n);
    if (to === NONE) return;
    const at = frame !== NONE ? frame : (this.index.frame(to)?.index ?? NONE);
    let { from, to: end } = this.state;
    if (to < from || to >= end) {
      const size = end - from;
      from = Math.max(this.index.first, Math.min(to - Math.floor(size / 2), this.index.stop - size));
      end = from + size;
    }
    this.set({ n: to, frame: at, name, from, to: end, says: "" });
    this.write();
  }

  // An event without a frame (a phase, a gap) is no moment: the next one is.
  private nearest(n: number): number {
    const { index } = this;
    if (!index.has(n)) return NONE;
    for (let m = n; m < index.stop; m++) if (index.frame(m) !== null) return m;
    for (let m = n; m >= index.first; m--) if (index.frame(m) !== null) return m;
    return NONE;
  }

  move(move: Move): void {
    const to = this.target(move);
    if (to === NONE) this.set({ says: NOWHERE[move] ?? "There is no such moment" });
    else this.go(to);
  }

  target(move: Move): number {
    const { index, state } = this;
    const { n } = state;
    if (n === NONE) return NONE;
    // In a caller's frame, steps are those of the caller.
    const at = state.frame === NONE ? n : this.trace.lastEventOf(state.frame, n);
    switch (move) {
      case "into": return into(index, n);
      case "into-back": return intoBack(index, n);
      case "over": return over(index, at);
      case "over-back": return overBack(index, at);
      case "out": return out(index, at);
      case "out-back": return outBack(index, at);
      case "line-next": return following(this.executions(at), n);
      case "line-back": return preceding(this.executions(at), at === n ? n : at + 1);
      case "write-next": return state.name === null ? NONE : following(this.trace.writes(state.frame, state.name), n);
      case "write-back": return state.name === null ? NONE : this.writeBefore(n);
      case "raise-next": return following(index.marks.raise, n);
      case "raise-back": return preceding(index.marks.raise, n);
      case "output-next": return following(this.prints, n);
      case "output-back": return preceding(this.prints, n);
      case "iteration-next": return this.iteration(1);
      case "iteration-back": return this.iteration(-1);
      case "failure": return this.trace.head.failure !== null && index.has(this.trace.head.failure) ? this.trace.head.failure : NONE;
      case "first": return this.nearest(index.first);
      case "last": return this.nearest(index.stop - 1);
    }
  }

  private writeBefore(n: number): number {
    const { frame, name } = this.state;
    const before = preceding(this.trace.writes(frame, name!), n);
    const first = this.index.frames[frame]?.first ?? NONE;
    return before !== NONE ? before : first < n ? first : NONE;
  }

  private iteration(step: number): number {
    const iterations = this.iterations();
    if (iterations === null) return NONE;
    return iterations.starts[iterationOf(iterations, this.state.n) - 1 + step] ?? NONE;
  }

  iterations(): Iterations | null {
    const { frame, n } = this.state;
    const file = this.index.frames[frame]?.code?.file;
    const at = frame === NONE ? NONE : this.trace.lastEventOf(frame, n);
    if (file === undefined || at === NONE) return null;
    this.lastIterations = iterationsAt(this.index, this.trace.head.loops[file] ?? [], at, this.lastIterations);
    return this.lastIterations;
  }

  executions(n: number): number[] {
    const file = this.index.frame(n)?.code?.file;
    return file === undefined ? [] : this.executionsOf(file, this.index.line(n));
  }

  executionsOf(file: string, line: number): number[] {
    const last = this.lastExecutions;
    if (last !== null && last.file === file && last.line === line) return last.found;
    this.lastExecutions = { file, line, found: executions(this.index, file, line) };
    return this.lastExecutions.found;
  }

  zoom(factor: number, centre: number = this.state.n): void {
    const { first, stop } = this.index;
    const { from, to } = this.state;
    const size = Math.max(20, Math.min(stop - first, Math.round((to - from) * factor)));
    const part = (centre - from) / Math.max(to - from, 1);
    const start = Math.max(first, Math.min(Math.round(centre - part * size), stop - size));
    this.set({ from: start, to: Math.max(start + size, start + 1) });
  }

  // The fragment, so that a link opens the same place.

  private write(): void {
    const { n, frame, name, tab } = this.state;
    const parts = new URLSearchParams({ e: String(n) });
    if (this.index.frame(n)?.index !== frame && frame !== NONE) parts.set("f", String(this.index.frames[frame]!.number));
    if (name !== null) parts.set("v", name);
    parts.set("t", tab);
    try {
      history.replaceState(null, "", `#${parts}`);
    } catch {
      // Some browsers count these calls, and refuse more than some in a short time.
    }
  }

  setTab(tab: Tab): void {
    this.set({ tab });
    this.write();
  }

  setName(name: string | null): void {
    this.set({ name });
    this.write();
  }

  read(): void {
    const parts = new URLSearchParams(location.hash.slice(1));
    const n = Number(parts.get("e") ?? Number.NaN);
    if (Number.isInteger(n) && this.nearest(n) !== NONE) this.place(this.nearest(n));
    const frame = this.index.frames.find((row) => String(row.number) === parts.get("f"));
    if (frame !== undefined) this.state = { ...this.state, frame: frame.index };
    const tab = TABS.find((one) => one === parts.get("t"));
    this.set({ name: parts.get("v"), ...(tab === undefined ? {} : { tab }) });
  }
}

export const StoreContext = createContext<Store>(null as unknown as Store);

// Gives the store, and draws again when it changes.
export function useStore(): Store {
  const store = useContext(StoreContext);
  const [, draw] = useReducer((count: number) => count + 1, 0);
  useEffect(() => store.watch(() => draw(undefined as never)), [store]);
  return store;
}

// Gives the moment under the pointer, and draws again when it changes.
export function usePeek(): number {
  const store = useContext(StoreContext);
  const [, draw] = useReducer((count: number) => count + 1, 0);
  useEffect(() => store.watchPeek(() => draw(undefined as never)), [store]);
  return store.peek;
}

// Gives an event: at once where its block is decoded, else null until it is.
export function useEvent(n: number): Event | null {
  const { trace } = useContext(StoreContext);
  const [late, setLate] = useState<Event | null>(null);
  const event = late?.n === n ? late : trace.eventNow(n);
  useEffect(() => {
    let isWanted = event === null;
    if (isWanted) void trace.event(n).then((found) => isWanted && setLate(found));
    return () => {
      isWanted = false;
    };
  }, [n, event === null]);
  return event;
}

// The result of the latest work, and the one before while it is under way.
export function useLatest<T>(work: () => Promise<T>, inputs: unknown[], initial: T): T {
  const [result, setResult] = useState(initial);
  const count = useRef(0);
  useEffect(() => {
    const mine = ++count.current;
    void work().then((value) => {
      if (mine === count.current) setResult(() => value);
    });
  }, inputs);
  return result;
}

// Shows the source as it was when it ran, with what each line did in this call beside it.

import type { JSX } from "preact";
import { useMemo } from "preact/hooks";

import { safeText } from "../format/python";
import { NONE } from "../format/scan";
import { KINDS } from "../format/vocabulary";
import { rowOf, rowsOf, type SourceRow } from "../model/folds";
import { markOf, markWords, positionIn, shownLine } from "../model/mark";
import { following, hits, preceding, stack } from "../model/navigate";
import { renderValue } from "../model/render";
import { type LineStory, lineStories } from "../model/story";
import { type Token, tokenize } from "../model/syntax";
import { useLatest, useStore } from "./store";
import { VirtualList } from "./VirtualList";
import { count, functionOf, plural, shownFile } from "./words";

const MOST_STACK = 7;
const NO_STORIES = new Map<number, LineStory>();

interface File {
  path: string;
  raw: string[];
  rows: SourceRow[];
  tokens: Token[][];
  digits: number; // of the highest line number
}

export function Source(): JSX.Element {
  const store = useStore();
  const { index, trace, state } = store;
  const { n, frame, name } = state;
  const row = frame === NONE ? null : index.frames[frame]!;
  const path = row?.code?.file ?? null;
  const at = frame === NONE ? NONE : trace.lastEventOf(frame, n);
  const line = at === NONE ? 0 : index.line(at);
  const file = useLatest<File | null>(async () => {
    const source = path === null ? null : await trace.source(path);
    if (path === null || source === null) return null;
    const tokens = tokenize(source.lines.map(shownLine));
    return { path, raw: source.lines, rows: rowsOf(source), tokens, digits: String(source.lines.length).length };
  }, [path], null);
  const counts = useMemo(() => (path === null ? new Map<number, number>() : hits(index, path)), [path]);
  const stories = useLatest(async () => (frame === NONE ? NO_STORIES : lineStories(trace, frame, n)), [frame, n], NO_STORIES);
  const event = useLatest(async () => (at === NONE ? null : trace.event(at)), [at], null);
  const position = useLatest(async () => (at === NONE ? null : positionIn(trace, frame, n, await trace.event(at))), [frame, n], null);
  const iterations = store.iterations();
  const loops = path === null ? [] : (trace.head.loops[path] ?? []);
  const loop = iterations === null ? undefined : loops.find((one) => one[0] === iterations.line);
  const isInRange = (one: number): boolean => loop !== undefined && one >= loop[0] && one <= loop[2];
  const shown = file !== null && file.path === path ? file : null;

  const goToLine = (to: number): void => {
    if (path === null) return;
    const all = store.executionsOf(path, to);
    const before = preceding(all, n + 1);
    const target = before !== NONE ? before : following(all, n);
    if (target === NONE) store.set({ says: `Line ${to} did not run` });
    else {
      store.go(target);
      store.setTab("line");
    }
  };
  return (
    <section class="pane source" aria-label="Source">
      <div class="bar">
        <h2 title={path === null ? "" : safeText(path)}>{path === null ? "Source" : `${shownFile(store, path)}:${line}`}</h2>
        <Stack />
      </div>
      {shown === null ? (
        <p class="note pad">{path === null ? "No moment is selected." : "The source was not recorded: it could not be read when the code ran."}</p>
      ) : (
        <VirtualList
          id="lines" label={`Source of ${shownFile(store, shown.path)}`} role="listbox" count={shown.rows.length} rowHeight={20}
          current={rowOf(shown.rows, line)} onChoose={(to) => goToLine(shown.rows[to]!.first)}
          attributes={(to) => ({ "data-line": shown.rows[to]!.first })} class="code"
        >
          {(to) => {
            const { first: number, last, isFold } = shown.rows[to]!;
            if (isFold) {
              const what = `${plural(last - number + 1, "line")} left out: nothing in them ran`;
              return <span class="source-line fold">{`\u22ef ${what}`}</span>;
            }
            const hit = counts.get(number);
            const story = stories.get(number);
            const isCurrent = number === line;
            const kind = at === NONE ? "" : KINDS[index.kind(at)]!;
            return (
              <span class={`source-line${hit === undefined ? "" : " ran"}${isInRange(number) ? " in-loop" : ""}${isCurrent && (kind === "raise" || kind === "unwind") ? " raised" : ""}`}>
                <span class="arrow" aria-hidden="true">{isCurrent ? "\u25b6" : ""}</span>
                <span class="number" style={{ minWidth: `${shown.digits + 1}ch` }}>{number}</span>
                <span class="hits" title={hit ? plural(hit, "execution") : hit === 0 ? "ran" : "did not run"}>{hit ? `${count(hit)}\u00d7` : ""}</span>
                {isCurrent && <span class="hidden">current line: </span>}
                <span class="text">
                  {markWords(shown.tokens[number - 1]!, isCurrent ? markOf(shown.raw[number - 1]!, number, position) : null).map(([word, text, isMarked], key) =>
                    word || isMarked ? <span key={key} class={`${word}${isMarked ? " piece" : ""}`}>{text}</span> : text)}
                </span>
                {story !== undefined && story.texts.length > 0 && (
                  <span class={`ghost${name !== null && story.names.includes(name) ? " chosen" : ""}`} title="changed by this line">
                    {"  # "}{story.texts.join(", ")}
                  </span>
                )}
                {isCurrent && event?.value && <span class="ghost now">{`  # ${event.kind} ${renderValue(event.value)}`}</span>}
                {isCurrent && event?.exception && (
                  <span class="ghost bad">{`  # ${event.kind === "unwind" ? "left by" : "raised"} ${safeText(event.exception.type)}: ${safeText(event.exception.message.split("\n")[0]!.slice(0, 200))}`}</span>
                )}
                {isCurrent && event?.text && typeof event.text.value === "string" && (
                  <span class="ghost now">{`  # ${event.kind === "log" ? "logged" : safeText(event.word ?? "")} ${safeText(event.text.value.trim().slice(0, 200))}`}</span>
                )}
              </span>
            );
          }}
        </VirtualList>
      )}
    </section>
  );
}

// The calls that led here, the innermost last.
function Stack(): JSX.Element | null {
  const store = useStore();
  const { index, state } = store;
  const inner = state.n === NONE ? null : index.frame(state.n);
  if (inner === null) return null;
  const all = stack(index, inner.index);
  const shown = all.length > MOST_STACK ? [...all.slice(0, 2), NONE, ...all.slice(3 - MOST_STACK)] : all;
  return (
    <nav class="stack" aria-label="Callers">
      {shown.map((at) =>
        at === NONE ? <span key="more" class="note">{"\u2026"} {all.length - MOST_STACK + 1} more {"\u203a"}</span> : (
          <span key={at}>
            <button aria-current={at === state.frame ? "true" : undefined} onClick={() => store.go(state.n, at)}>{functionOf(index.frames[at])}</button>
            {at !== inner.index && <span aria-hidden="true"> {"\u203a"} </span>}
          </span>
        ))}
    </nav>
  );
}

// Is the lower part of the page: exceptions, output, search, executions of a line, the recorder.

import type { ComponentChildren, JSX } from "preact";
import { useContext, useEffect, useMemo, useRef, useState } from "preact/hooks";

import type { Event } from "../format/decode";
import { safeText } from "../format/python";
import { NONE } from "../format/scan";
import { KINDS } from "../format/vocabulary";
import { iterationOf } from "../model/loops";
import { following } from "../model/navigate";
import { describeChange } from "../model/changes";
import { FIELDS, search } from "../model/search";
import { Recorder } from "./Recorder";
import { type Store, StoreContext, TABS, type Tab, useEvent, useStore } from "./store";
import { VirtualList } from "./VirtualList";
import { count, functionOf, placeOf, plural } from "./words";

const MOST_RESULTS = 2000;
const TITLES: Record<Tab, string> = { exceptions: "Exceptions", output: "Output and logs", search: "Search", line: "This line", text: "As text", recorder: "Recorder" };

export function Details(): JSX.Element {
  const store = useStore();
  const { tab, results } = store.state;
  const { marks } = store.index;
  const counts: Record<Tab, number | null> = {
    exceptions: marks.raise.length, output: marks.output.length + marks.log.length, search: results.length || null, line: null, text: null, recorder: null,
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (step === 0) return;
    const next = TABS[(TABS.indexOf(tab) + step + TABS.length) % TABS.length]!;
    store.setTab(next);
    document.getElementById(`tab-${next}`)?.focus();
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <section class="pane details" aria-label="Details">
      <div class="tabs" role="tablist" aria-label="Details" onKeyDown={onKeyDown}>
        {TABS.map((one) => (
          <button key={one} id={`tab-${one}`} role="tab" aria-selected={one === tab} aria-controls="panel" tabIndex={one === tab ? 0 : -1} onClick={() => store.setTab(one)}>
            {TITLES[one]}{counts[one] !== null && <span class="count"> {count(counts[one])}</span>}
          </button>
        ))}
      </div>
      <div id="panel" role="tabpanel" aria-labelledby={`tab-${tab}`} class="panel">
        {tab === "exceptions" && <Exceptions />}
        {tab === "output" && <Output />}
        {tab === "search" && <Search />}
        {tab === "line" && <Executions />}
        {tab === "text" && <pre class="story" tabIndex={0} aria-label="The failure as text">{document.querySelector("#text pre")?.textContent}</pre>}
        {tab === "recorder" && <Recorder />}
      </div>
    </section>
  );
}

// A row whose text is decoded when it comes into view.
function Late({ n, children }: { n: number; children: (event: Event) => ComponentChildren }): JSX.Element {
  const event = useEvent(n);
  return <>{event === null ? "\u2026" : children(event)}</>;
}

function Moments(props: { id: string; label: string; moments: readonly number[]; empty: string; children: (event: Event, at: number) => ComponentChildren }): JSX.Element {
  const store = useStore();
  const { moments } = props;
  const current = useMemo(() => (following(moments, store.state.n - 1) === store.state.n ? moments.indexOf(store.state.n) : -1), [moments, store.state.n]);
  return (
    <VirtualList
      id={props.id} label={props.label} role="listbox" count={moments.length} rowHeight={22} current={current}
      onChoose={(at) => store.go(moments[at]!)} onPeek={(at) => store.setPeek(at < 0 ? NONE : moments[at]!)} empty={props.empty}
    >
      {(at) => <Late n={moments[at]!}>{(event) => props.children(event, at)}</Late>}
    </VirtualList>
  );
}

function fateOf(store: Store, n: number): string {
  const { index } = store;
  let frame = index.frame(n);
  let at = n;
  while (frame !== null) {
    const next = index.nextInFrame(at);
    if (next === NONE) return "open at the end";
    if (KINDS[index.kind(next)] !== "unwind") return `handled in ${functionOf(frame)}`;
    if (frame.parent === NONE) return `left ${functionOf(frame)}`;
    frame = index.frames[frame.parent]!;
    at = store.trace.lastEventOf(frame.index, next);
    if (at === NONE) return "";
  }
  return "";
}

function Exceptions(): JSX.Element {
  const store = useStore();
  return (
    <Moments id="exceptions" label="Exceptions" moments={store.index.marks.raise} empty="No exception was raised in the recorded code.">
      {(event) => (
        <span class="item">
          <span class="sign bad" aria-hidden="true">{event.n === store.trace.head.failure ? "\u2717" : "\u25bc"}</span>
          <span class="place">{placeOf(store, event.n)}</span>
          <b>{safeText(event.exception?.type ?? "")}</b>
          <span class="value">{safeText(event.exception?.message ?? "")}</span>
          <span class="space" />
          <span class="note">{event.n === store.trace.head.failure ? "the failure" : fateOf(store, event.n)}</span>
        </span>
      )}
    </Moments>
  );
}

function Output(): JSX.Element {
  const store = useStore();
  const { marks } = store.index;
  const [moments] = useState(() => [...marks.output, ...marks.log].sort((a, b) => a - b));
  return (
    <Moments id="output" label="Output and logs" moments={moments} empty="Nothing was written and nothing was logged.">
      {(event) => {
        const text = typeof event.text?.value === "string" ? event.text.value : "";
        return (
          <span class="item">
            <span class={`tag ${event.kind === "log" ? "log" : event.word}`}>{event.kind === "log" ? `${safeText(event.word ?? "")} ${safeText(event.name ?? "")}` : event.word}</span>
            <span class="value output-text">{safeText(text.replace(/\n$/, ""))}</span>
            {event.text?.truncated && <span class="note">cut, {count(event.text.length ?? 0)} characters in all</span>}
            <span class="space" />
            <span class="place">{placeOf(store, event.n)}</span>
          </span>
        );
      }}
    </Moments>
  );
}

function Search(): JSX.Element {
  const store = useStore();
  const { query, results } = store.state;
  const moments = useMemo(() => results.map((result) => result.n), [results]);
  const [note, setNote] = useState("");
  const run = useRef(0);
  const input = useRef<HTMLInputElement>(null);
  const start = (text: string): void => {
    const mine = ++run.current;
    store.set({ query: text, results: [] });
    setNote(text.trim() ? "searching\u2026" : "");
    void search(
      store.trace, text, MOST_RESULTS,
      (some, part) => {
        if (mine !== run.current) return;
        store.set({ results: [...some] });
        setNote(`${plural(some.length, "result")}, ${Math.round(part * 100)} % searched`);
      },
      () => mine !== run.current,
    ).then((end) => {
      if (mine !== run.current) return;
      store.set({ results: end.results });
      setNote(text.trim() ? (end.isCut ? `the first ${count(MOST_RESULTS)} results` : plural(end.results.length, "result")) : "");
    });
  };
  useEffect(() => () => void run.current++, []);
  return (
    <div class="search">
      <div class="bar">
        <input ref={input} type="search" id="search" aria-label="Search" placeholder={`text, or ${FIELDS.map((one) => `${one}:`).join(" ")}`} value={query}
          onInput={(event) => start(event.currentTarget.value)} />
        <span class="note" aria-live="polite" id="search-note">{note || "fn: function, file: path, var: variable, val: value, exc: exception, out: output, line: 12 or file.py:12"}</span>
      </div>
      <Moments id="results" label="Results" moments={moments} empty={query.trim() ? "Nothing found." : "What was recorded can be searched."}>
        {(event, at) => (
          <span class="item">
            <span class="tag">{event.kind}</span>
            <span class="place">{placeOf(store, event.n)}</span>
            <span class="name">{functionOf(store.index.frame(event.n))}</span>
            <span class="value">{results[at]?.what ?? ""}</span>
          </span>
        )}
      </Moments>
    </div>
  );
}

function Executions(): JSX.Element {
  const store = useStore();
  const { index, state, trace } = store;
  const at = state.frame === NONE ? NONE : trace.lastEventOf(state.frame, state.n);
  const moments = at === NONE ? [] : store.executions(at);
  const iterations = store.iterations();
  return (
    <Moments id="executions" label="Executions of this line" moments={moments} empty="This line has no execution of its own.">
      {(event, number) => (
        <span class="item">
          <span class="tag">{count(number + 1)} of {count(moments.length)}</span>
          <span class="name">{functionOf(index.frame(event.n))}</span>
          {iterations !== null && iterations.first <= event.n && event.n <= iterations.last && (
            <span class="note">iteration {iterationOf(iterations, event.n)}</span>
          )}
          <Effect n={event.n} />
          <span class="space" />
          <span class="note">event {count(event.n)}</span>
        </span>
      )}
    </Moments>
  );
}

// What a line changed: it is seen at the frame's next event.
function Effect({ n }: { n: number }): JSX.Element {
  const store = useContext(StoreContext);
  const next = store.index.nextInFrame(n);
  const event = useEvent(next);
  const texts: string[] = [];
  for (const [name, value] of event?.changes ?? []) texts.push(...describeChange(name, undefined, value));
  return <span class="value">{texts.join(", ")}</span>;
}

// Shows the variables of the frame at this moment, what changed, the history of one, and where it came from.

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import type { Values } from "../format/objects";
import { safeText } from "../format/python";
import { NONE } from "../format/scan";
import type { Value } from "../format/values";
import { describeChange, isSame } from "../model/changes";
import { iterationOf } from "../model/loops";
import { type Hop, originOf, ownerOf } from "../model/origin";
import { cutNote, partsOf, renderValue, shortType } from "../model/render";
import { type ObjectStory, storyOf } from "../model/told";
import { type Against, type Store, useEvent, useLatest, useStore } from "./store";
import { count, functionOf, placeOf, plural } from "./words";

const EMPTY: Values = new Map();
const AGAINST: [Against, string][] = [["step", "the last step"], ["call", "the call's start"], ["iteration", "the last iteration"]];
const MOST_HISTORY = 60;

// The moment in the frame with which to compare; NONE where there is none.
function momentOf(store: Store, against: Against): number {
  const { index, trace, state } = store;
  const at = state.frame === NONE ? NONE : trace.lastEventOf(state.frame, state.n);
  if (at === NONE) return NONE;
  if (against === "step") return index.prevInFrame(at);
  if (against === "call") return index.frames[state.frame]!.first;
  const iterations = store.iterations();
  if (iterations === null) return NONE;
  const number = iterationOf(iterations, at);
  const line = index.line(at);
  const start = iterations.starts[number - 2];
  if (start === undefined) return NONE;
  for (let m = start; m !== NONE && m < (iterations.starts[number - 1] ?? at); m = index.nextInFrame(m)) if (index.line(m) === line) return m;
  return start;
}

export function Variables(): JSX.Element {
  const store = useStore();
  const { trace, state } = store;
  const { n, frame, name, against } = state;
  const values = useLatest(async () => (frame === NONE ? EMPTY : trace.valuesAt(frame, n)), [frame, n], EMPTY);
  const other = momentOf(store, against);
  const before = useLatest(async () => (other === NONE ? EMPTY : trace.valuesAt(frame, other)), [frame, other], EMPTY);
  const level = String(trace.head.manifest["level"]);
  const changed = new Set([...values.keys()].filter((one) => other !== NONE && !isSame(values.get(one), before.get(one))));
  const names = [...values.keys()].sort((a, b) => Number(changed.has(b)) - Number(changed.has(a)));
  const gone = other === NONE ? [] : [...before.keys()].filter((one) => !values.has(one));
  return (
    <section class="pane variables" aria-label="Variables">
      <div class="bar">
        <h2>Variables</h2>
        <label>
          changes since{" "}
          <select id="against" value={against} onChange={(event) => store.set({ against: event.currentTarget.value as Against })}>
            {AGAINST.map(([key, words]) => <option key={key} value={key}>{words}</option>)}
          </select>
        </label>
      </div>
      <div class="scroll" tabIndex={0} id="variables" role="group" aria-label="Values">
        {level !== "values" && <p class="note pad">Recorded at level {safeText(level)}: only arguments are known, at the call itself.</p>}
        <FewerLevels frame={frame} n={n} />
        {other === NONE && against !== "step" && <p class="note pad">There is nothing to compare with here.</p>}
        {names.length + gone.length === 0 && <p class="note pad">No variables at this moment.</p>}
        <ul class="values">
          {names.map((one) => (
            <Variable key={one} name={one} value={values.get(one)!} old={other === NONE ? undefined : before.get(one)}
              state={other === NONE ? "" : !before.has(one) ? "new" : changed.has(one) ? "changed" : ""}
              isChosen={one === name} />
          ))}
          {gone.map((one) => (
            <li key={one} class="gone"><span class="name">{safeText(one)}</span> <span class="tag">deleted</span> <s>{renderValue(before.get(one)!, 60)}</s></li>
          ))}
        </ul>
        {name !== null && <Chosen name={name} key={`${frame}-${name}`} />}
      </div>
    </section>
  );
}

function FewerLevels({ frame, n }: { frame: number; n: number }): JSX.Element | null {
  const { trace } = useStore();
  const at = frame === NONE ? NONE : trace.lastEventOf(frame, n);
  const levels = useEvent(at)?.levels ?? null;
  if (levels === null) return null;
  return <p class="note pad">{`${plural(levels, "level")} of these values: too many objects were in view to show more.`}</p>;
}

function Variable(props: { name: string; value: Value; old: Value | undefined; state: "" | "new" | "changed"; isChosen: boolean }): JSX.Element {
  const store = useStore();
  const { name, value, old, state, isChosen } = props;
  return (
    <li class={`${state}${isChosen ? " chosen" : ""}`} data-name={safeText(name)}>
      <Opened label={safeText(name)} value={value} head={(
        <button class="name" aria-pressed={isChosen} title="History of this variable, and where its value came from"
          onClick={() => store.setName(isChosen ? null : name)}>
          {safeText(name)}
        </button>
      )} tag={state} onValue={() => {
        const { frame, n } = store.state;
        void originOf(store.trace, frame, n, name).then(([hop]) => {
          if (hop !== undefined) store.go(hop.n, hop.frame, name);
        });
      }} />
      {state === "changed" && old !== undefined && <div class="old"><span class="hidden">before: </span><s>{renderValue(old, 100)}</s></div>}
    </li>
  );
}

function Opened(props: { label: string; value: Value; head: JSX.Element; tag?: string; onValue?: () => void }): JSX.Element {
  const [isOpen, setOpen] = useState(false);
  const [isAsked, setAsked] = useState(false);
  const { label, value, head, tag, onValue } = props;
  const shown = renderValue(value, 120);
  const whole = `${safeText(value.type)}: ${renderValue(value, 2000)}`;
  const parts = partsOf(value);
  const note = cutNote(value);
  return (
    <>
      <div class="value-line">
        {parts.length > 0 ? (
          <button class="twist" aria-expanded={isOpen} aria-label={`Parts of ${label}`} onClick={() => setOpen(!isOpen)}>{isOpen ? "\u25be" : "\u25b8"}</button>
        ) : <span class="twist none" />}
        {head}
        {tag && <span class="tag">{tag}</span>}
        {onValue === undefined ? <span class="value" title={whole}>{shown}</span> : (
          <button class="value" title={`${whole}\nClick: go to where it came from`} onClick={onValue}>{shown}</button>
        )}
        {hasNumber(value) && (
          <button class="link number" aria-expanded={isAsked} title={`Object ${value.id}: the same number is the same object. Click: who changed it`}
            onClick={() => setAsked(!isAsked)}>{`#${value.id}`}</button>
        )}
        {note && <span class="note cut" title={note}>{value.redacted ? "hidden" : value.unavailable !== undefined ? "not recorded" : "cut"}</span>}
      </div>
      {isAsked && <ObjectDetails number={value.id!} kind={value.type} />}
      {isOpen && (
        <ul class="values inner">
          {note && <li class="note">{note}</li>}
          {parts.map(([key, part], at) => (
            <li key={at}><Opened label={key} value={part} head={<span class="name">{key}</span>} /></li>
          ))}
        </ul>
      )}
    </>
  );
}

const hasNumber = (value: Value): boolean => Boolean(value.id) && Boolean(value.items ?? value.entries ?? value.attributes);

// Who changed an object, whatever it was held by.
function ObjectDetails({ number, kind }: { number: number; kind: string }): JSX.Element {
  const store = useStore();
  const { trace, index, state } = store;
  const story = useLatest<ObjectStory | null>(async () => storyOf(trace, number, state.n, MOST_HISTORY), [number, state.n], null);
  const name = `${shortType(kind)} #${number}`;
  if (story === null) return <p class="note">{"\u2026"}</p>;
  if (story.changes.length === 0) return <p class="note">{`Nothing more is recorded of ${name}.`}</p>;
  const latest = story.changes.findLast((change) => change.n <= state.n);
  return (
    <div class="object-details">
      <h3>{name} <span class="note">{plural(story.changes.length - (story.changes[0]!.old === null ? 1 : 0), "change")}{story.isCut ? ", and more" : ""}</span></h3>
      <ol class="history">
        {story.changes.map((change) => {
          const at = change.owner === NONE ? change.n : change.owner;
          const words = change.old === null ? [renderValue(change.value, 90)] : describeChange(`#${number}`, change.old, change.value);
          return (
            <li key={change.n} aria-current={change === latest ? "true" : undefined}>
              <button class="link" onClick={() => store.go(change.n)}>{placeOf(store, at)}</button>{" "}
              <span>{change.old === null ? "first seen in" : "changed by"} {functionOf(index.frame(at))}</span>{" "}
              <span class="value">{words.join(", ")}</span>
              {change.isDoubtful && <span class="note" title="Nothing in it is where it was: it may be another object, which got the address of the first">{" "}identity inferred</span>}
            </li>
          );
        })}
      </ol>
    </div>
  );
}

interface Entry {
  n: number;
  value: Value | null;
}

function Chosen({ name }: { name: string }): JSX.Element {
  const store = useStore();
  const { trace, index, state } = store;
  const { frame, n } = state;
  const writes = trace.writes(frame, name);
  const hops = useLatest<Hop[]>(async () => originOf(trace, frame, n, name), [frame, n, name], []);
  const middle = Math.max(0, writes.findIndex((one) => one > n));
  const start = Math.max(0, Math.min(middle - MOST_HISTORY / 2, writes.length - MOST_HISTORY));
  const some = writes.slice(start, start + MOST_HISTORY);
  const entries = useLatest<Entry[]>(async () => {
    const found: Entry[] = [];
    const first = index.frames[frame]?.first ?? NONE;
    const argument = start === 0 && first !== NONE ? (await trace.event(first))?.args?.get(name) : undefined;
    if (argument !== undefined) found.push({ n: first, value: argument });
    for (const one of some) found.push({ n: one, value: (await trace.event(one))?.changes?.get(name) ?? null });
    return found;
  }, [frame, name, start, some.length], []);
  const latest = entries.findLast((entry) => entry.n <= n);
  return (
    <div class="chosen-details">
      <h3>Where {safeText(name)} came from</h3>
      {hops.length === 0 && <p class="note">Not known at this moment.</p>}
      <ol class="hops">
        {hops.map((hop, at) => (
          <li key={at}>
            <button class="link" onClick={() => store.go(hop.n, hop.frame, hop.name ?? name)}>{placeOf(store, hop.n)}</button>{" "}
            <span>{wordsOf(hop, functionOf(index.frames[hop.frame]))}</span>
          </li>
        ))}
      </ol>
      <h3>History of {safeText(name)} in this call <span class="note">{plural(entries.length, "value")}{writes.length > some.length ? ` of ${count(writes.length)}` : ""}</span></h3>
      <ol class="history">
        {entries.map((entry) => {
          const owner = ownerOf(trace, entry.n);
          return (
            <li key={entry.n} aria-current={entry === latest ? "true" : undefined}>
              <button class="link" onClick={() => store.go(entry.n, frame)}>{`line ${index.line(owner === NONE ? entry.n : owner)}`}</button>{" "}
              <span class="value">{entry.value === null ? "deleted" : renderValue(entry.value, 90)}</span>
            </li>
          );
        })}
      </ol>
    </div>
  );
}

function wordsOf(hop: Hop, where: string): string {
  const what = hop.name === null ? "" : `${safeText(hop.name)} `;
  switch (hop.how) {
    case "assigned": return `${what}assigned in ${where}`;
    case "changed in place": return `${what}changed in place in ${where}`;
    case "returned": return `returned by ${where}`;
    case "argument": return hop.name === null ? `passed by ${where}` : `argument ${what}of ${where}`;
    default: return `${what}known when the recording of ${where} began`;
  }
}

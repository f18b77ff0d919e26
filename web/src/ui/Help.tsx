// Is the map of the keys, and the one place that says what each does.

import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { type Move, type Store, useStore } from "./store";

interface Key {
  key: string;
  what: string;
  move?: Move;
  run?: (store: Store) => void;
}

const focus = (id: string): void => document.getElementById(id)?.focus();

export const KEYS: [string, Key[]][] = [
  ["Steps", [
    { key: "i", what: "into: one event on", move: "into" }, { key: "I", what: "into, backwards", move: "into-back" },
    { key: "n", what: "over", move: "over" }, { key: "p", what: "over, backwards", move: "over-back" },
    { key: "o", what: "out", move: "out" }, { key: "O", what: "out, backwards", move: "out-back" },
  ]],
  ["To the next and previous", [
    { key: "]", what: "execution of this line", move: "line-next" }, { key: "[", what: "the same, backwards", move: "line-back" },
    { key: ".", what: "write of the chosen variable", move: "write-next" }, { key: ",", what: "the same, backwards", move: "write-back" },
    { key: "l", what: "iteration of the loop", move: "iteration-next" }, { key: "L", what: "the same, backwards", move: "iteration-back" },
    { key: "e", what: "exception", move: "raise-next" }, { key: "E", what: "the same, backwards", move: "raise-back" },
    { key: "w", what: "output or log", move: "output-next" }, { key: "W", what: "the same, backwards", move: "output-back" },
    { key: "f", what: "the failure", move: "failure" }, { key: "g", what: "the first moment", move: "first" }, { key: "G", what: "the last moment", move: "last" },
  ]],
  ["Places", [
    { key: "/", what: "search", run: (store) => { store.setTab("search"); requestAnimationFrame(() => focus("search")); } },
    { key: "t", what: "calls", run: () => focus("tree") }, { key: "s", what: "source", run: () => focus("lines") },
    { key: "v", what: "variables", run: () => focus("variables") }, { key: "d", what: "details", run: (store) => focus(`tab-${store.state.tab}`) },
    { key: "r", what: "recorder", run: (store) => store.setTab("recorder") },
  ]],
  ["Page", [
    { key: "+", what: "zoom into the timeline", run: (store) => store.zoom(0.5) }, { key: "-", what: "zoom out", run: (store) => store.zoom(2) },
    { key: "0", what: "the whole timeline", run: (store) => store.set({ from: store.index.first, to: store.index.stop }) },
    { key: "y", what: "copy a link to this moment", run: () => document.getElementById("copy-link")?.click() },
    { key: "?", what: "this map", run: (store) => store.set({ isHelpOpen: true }) },
    { key: "Escape", what: "let go of the variable", run: (store) => store.setName(null) },
  ]],
];

const BY_KEY = new Map(KEYS.flatMap(([, keys]) => keys).map((one) => [one.key, one]));

export function onKey(store: Store, event: KeyboardEvent): void {
  const target = event.target as HTMLElement;
  const isTyping = target.matches("input, select, textarea");
  if (event.ctrlKey || event.metaKey || event.altKey || store.state.isHelpOpen) return;
  if (isTyping) {
    if (event.key === "Escape") target.blur();
    return;
  }
  const key = BY_KEY.get(event.key);
  if (key === undefined || (!store.state.hasKeys && event.key.length === 1 && event.key !== "?")) return;
  event.preventDefault();
  if (key.move !== undefined) store.move(key.move);
  else key.run?.(store);
}

export function Help(): JSX.Element {
  const store = useStore();
  const dialog = useRef<HTMLDialogElement>(null);
  const { isHelpOpen, hasKeys } = store.state;
  useEffect(() => {
    const element = dialog.current!;
    if (isHelpOpen && !element.open) element.showModal();
    if (!isHelpOpen && element.open) element.close();
  }, [isHelpOpen]);
  return (
    <dialog ref={dialog} class="help" aria-labelledby="help-title" onClose={() => store.set({ isHelpOpen: false })}>
      <div class="bar">
        <h2 id="help-title">Keys</h2>
        <span class="space" />
        <button onClick={() => store.set({ isHelpOpen: false })}>Close</button>
      </div>
      <div class="columns">
        {KEYS.map(([title, keys]) => (
          <section key={title} aria-label={title}>
            <h3>{title}</h3>
            <dl>
              {keys.map(({ key, what }) => (
                <div key={key}>
                  <dt><kbd>{key}</kbd></dt>
                  <dd>{what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <p>In lists: arrows, Page Up, Page Down, Home, End, Enter. In the calls: left and right close and open. On the timeline: arrows move, a drag zooms in, a double click shows all.</p>
      <label><input type="checkbox" checked={hasKeys} onChange={(event) => store.set({ hasKeys: event.currentTarget.checked })} /> Single keys are on</label>
    </dialog>
  );
}

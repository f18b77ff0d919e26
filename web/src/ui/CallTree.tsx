// Shows who called whom; recursion is folded, a filter keeps the callers of what it finds.

import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";

import { NONE } from "../format/scan";
import { reveal, treeRows } from "../model/tree";
import { useStore } from "./store";
import { VirtualList } from "./VirtualList";
import { count, duration, functionOf, plural, shownFile } from "./words";

const INDENT = 14;
const MOST_INDENT = 16;

export function CallTree(): JSX.Element {
  const store = useStore();
  const { index } = store;
  const [filter, setFilter] = useState("");
  // What the failing frame called is the first thing to look at.
  const [opened, setOpened] = useState(() => new Set<number>(store.state.frame === NONE ? [] : [store.state.frame]));
  const [unfolded, setUnfolded] = useState(() => new Set<number>());
  const { frame } = store.state;

  useEffect(() => {
    if (frame === NONE) return;
    const [more, flat] = [new Set(opened), new Set(unfolded)];
    reveal(index, frame, more, flat);
    if (more.size !== opened.size) setOpened(more);
    if (flat.size !== unfolded.size) setUnfolded(flat);
  }, [frame]);

  const { rows, hidden } = useMemo(() => treeRows(index, opened, unfolded, filter), [index, opened, unfolded, filter]);
  const current = useMemo(() => rows.findIndex((row) => row.frame === frame && !row.folded), [rows, frame]);

  const toggle = (at: number, open: boolean): void => {
    const row = rows[at]!;
    if (row.folded && open) setUnfolded(new Set(unfolded).add(row.frame));
    const more = new Set(opened);
    if (open) more.add(row.frame);
    else more.delete(row.frame);
    setOpened(more);
  };
  const onKey = (event: KeyboardEvent, at: number): boolean => {
    const row = rows[at];
    if (row === undefined) return false;
    if (event.key === "ArrowRight" && row.hasInside && !row.isOpen) toggle(at, true);
    else if (event.key === "ArrowLeft" && row.isOpen) toggle(at, false);
    else if (event.key !== "ArrowRight" && event.key !== "ArrowLeft") return false;
    return true;
  };
  return (
    <section class="pane tree" aria-label="Calls">
      <div class="bar">
        <h2>Calls</h2>
        <input type="search" id="filter" placeholder="Filter calls" aria-label="Filter calls by function or file" value={filter}
          onInput={(event) => setFilter(event.currentTarget.value)} />
        <span class="note" aria-live="polite">{hidden > 0 ? `${count(hidden)} hidden` : plural(index.frames.length, "call")}</span>
      </div>
      <VirtualList
        id="tree" label="Call tree" role="tree" count={rows.length} rowHeight={22} current={current}
        onKey={onKey}
        onChoose={(at) => {
          const row = rows[at]!;
          if (row.folded) toggle(at, true);
          else store.go(index.frames[row.frame]!.first);
        }}
        onPeek={(at) => store.setPeek(at < 0 ? NONE : index.frames[rows[at]!.frame]!.first)}
        attributes={(at) => {
          const row = rows[at]!;
          return {
            "aria-level": row.depth + 1, "aria-posinset": row.position, "aria-setsize": row.siblings,
            ...(row.hasInside ? { "aria-expanded": row.isOpen } : {}),
          };
        }}
        empty={filter ? "No call matches." : "No call was recorded."}
      >
        {(at) => {
          const row = rows[at]!;
          const call = index.frames[row.frame]!;
          const file = call.code ? shownFile(store, call.code.file) : "";
          return (
            <span class="call" style={{ paddingLeft: `${Math.min(row.depth, MOST_INDENT) * INDENT}px` }} title={`${file}:${call.code?.firstLine ?? ""}`}>
              <span class={`twist${row.hasInside ? "" : " none"}`} aria-hidden="true"
                onClick={(event) => {
                  if (!row.hasInside) return;
                  event.stopPropagation();
                  toggle(at, !row.isOpen);
                }}>
                {row.hasInside ? (row.isOpen ? "\u25be" : "\u25b8") : ""}
              </span>
              {row.folded > 0 ? (
                <span class="fold">{"\u21bb"} {functionOf(call)} {"\u00d7"} {count(row.folded)}, recursive</span>
              ) : (
                <>
                  {row.depth > MOST_INDENT && <span class="note">{row.depth} </span>}
                  <span class="name">{functionOf(call)}</span>
                  {call.end === "unwind" && <span class="sign bad" title="left by an exception"> {"\u2717"}<span class="hidden"> left by an exception</span></span>}
                  {call.end === "open" && <span class="note" title="still running at the end"> {"\u2026"}</span>}
                  <span class="note file"> {file.split(/[/\\]/).pop()}</span>
                  <span class="space" />
                  <span class="note">{duration(index.time(call.last) - index.time(call.first))}</span>
                </>
              )}
            </span>
          );
        }}
      </VirtualList>
    </section>
  );
}

// Draws only the rows that can be seen; one row has the focus of the keyboard.

import type { ComponentChildren, HTMLAttributes, JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

interface Props {
  id: string;
  label: string;
  role: "tree" | "listbox";
  count: number;
  rowHeight: number;
  current: number; // the row that is kept in view; -1 for none
  onFocusRow?: (row: number) => void;
  onKey?: (event: KeyboardEvent, row: number) => boolean;
  onChoose: (row: number) => void;
  onPeek?: (row: number) => void;
  attributes?: (row: number) => HTMLAttributes<HTMLDivElement> & Record<string, unknown>;
  children: (row: number) => ComponentChildren;
  empty?: ComponentChildren;
  class?: string;
}

const OVERSCAN = 12;

export function VirtualList(props: Props): JSX.Element {
  const { id, count, rowHeight, current } = props;
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(400);
  const [active, setActive] = useState(Math.max(current, 0));
  const row = Math.min(active, count - 1);

  useLayoutEffect(() => {
    const element = box.current!;
    const measure = (): void => setHeight(element.clientHeight);
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    measure();
    return () => observer.disconnect();
  }, []);

  const show = (at: number, isFar: boolean): void => {
    const element = box.current!;
    const start = at * rowHeight;
    if (start < element.scrollTop || start + rowHeight > element.scrollTop + element.clientHeight) {
      const room = isFar ? element.clientHeight / 3 : start < element.scrollTop ? 0 : element.clientHeight - rowHeight;
      element.scrollTop = Math.max(0, start - room);
    }
  };

  useEffect(() => {
    if (current < 0) return;
    setActive(current);
    show(current, true);
  }, [current, count, height > 0]);

  const focus = (at: number): void => {
    const to = Math.max(0, Math.min(at, count - 1));
    setActive(to);
    show(to, false);
    props.onFocusRow?.(to);
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || count === 0) return;
    const page = Math.max(1, Math.floor(height / rowHeight) - 1);
    const moves: Record<string, number> = {
      ArrowDown: row + 1, ArrowUp: row - 1, PageDown: row + page, PageUp: row - page, Home: 0, End: count - 1,
    };
    const to = moves[event.key];
    if (to !== undefined) focus(to);
    else if (event.key === "Enter" || event.key === " ") props.onChoose(row);
    else if (!props.onKey?.(event, row)) return;
    event.preventDefault();
    event.stopPropagation();
  };

  const first = Math.max(0, Math.floor(top / rowHeight) - OVERSCAN);
  const last = Math.min(count, Math.ceil((top + height) / rowHeight) + OVERSCAN);
  const itemRole = props.role === "tree" ? "treeitem" : "option";
  // While nothing but the place of the scroll bar changes, a row is what it was.
  const kept = useRef<{ props: Props; row: number; rows: Map<number, JSX.Element> }>({ props, row, rows: new Map() });
  if (kept.current.props !== props || kept.current.row !== row) kept.current = { props, row, rows: new Map() };
  const { rows: before } = kept.current;
  const rows: JSX.Element[] = [];
  for (const at of before.keys()) if (at < first || at >= last) before.delete(at);
  for (let at = first; at < last; at++) {
    let drawn = before.get(at);
    if (drawn === undefined) {
      drawn = (
      <div
        key={at}
        id={`${id}-${at}`}
        role={itemRole}
        aria-selected={at === current}
        class={`row${at === row ? " active" : ""}${at === current ? " current" : ""}`}
        style={{ top: `${at * rowHeight}px`, height: `${rowHeight}px` }}
        onClick={() => {
          setActive(at);
          props.onChoose(at);
        }}
        onMouseEnter={() => props.onPeek?.(at)}
        onMouseLeave={() => props.onPeek?.(-1)}
        {...props.attributes?.(at)}
      >
        {props.children(at)}
      </div>
      );
      before.set(at, drawn);
    }
    rows.push(drawn);
  }
  if (count === 0) {
    return (
      <div class={`list empty ${props.class ?? ""}`} ref={box} id={id} role="group" aria-label={props.label} tabIndex={0}>
        {props.empty ?? "Nothing here."}
      </div>
    );
  }
  return (
    <div
      class={`list ${props.class ?? ""}`}
      ref={box}
      id={id}
      role={props.role}
      aria-label={props.label}
      aria-activedescendant={row >= first && row < last ? `${id}-${row}` : undefined}
      tabIndex={0}
      onKeyDown={onKeyDown}
      onScroll={(event) => setTop(event.currentTarget.scrollTop)}
    >
      <div class="rows" role="presentation" style={{ height: `${count * rowHeight}px` }}>
        {rows}
      </div>
    </div>
  );
}

// Draws the whole story on one strip: phases, how deep the calls are, exceptions, output, gaps.

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { NONE } from "../format/scan";
import { KINDS, PHASES } from "../format/vocabulary";
import { safeText } from "../format/python";
import { usePeek, useStore } from "./store";
import { count, functionOf, placeOf } from "./words";

const MARKS_HEIGHT = 16;
const FLAME_HEIGHT = 56;

export function Timeline(): JSX.Element {
  const store = useStore();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  const [dragged, setDragged] = useState(NONE);
  const { index, state } = store;
  const { from, to, n, results } = state;
  const peek = usePeek();
  const size = Math.max(to - from, 1);

  useEffect(() => {
    const element = canvas.current!;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const [scheme, setScheme] = useState(0);
  useEffect(() => {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const again = (): void => setScheme((before) => before + 1);
    dark.addEventListener("change", again);
    return () => dark.removeEventListener("change", again);
  }, []);

  useEffect(() => {
    const element = canvas.current!;
    if (width === 0) return;
    const scale = window.devicePixelRatio || 1;
    element.width = Math.round(width * scale);
    element.height = Math.round((MARKS_HEIGHT + FLAME_HEIGHT) * scale);
    const pen = element.getContext("2d")!;
    pen.scale(scale, scale);
    const styles = getComputedStyle(element);
    const colour = (name: string): string => styles.getPropertyValue(name).trim();
    const x = (at: number): number => ((at - from) / size) * width;
    const levels = index.deepest + 1;
    const level = Math.max(1.5, Math.min(12, FLAME_HEIGHT / levels));
    const shades = [colour("--flame-1"), colour("--flame-2"), colour("--flame-3")];
    // A call narrower than a pixel is drawn once for its pixel.
    const drawn = new Map<number, number>();
    for (const frame of index.frames) {
      if (frame.last < from || frame.first >= to) continue;
      const left = x(Math.max(frame.first, from));
      const right = Math.max(x(Math.min(frame.last + 1, to)), left + 1);
      const top = MARKS_HEIGHT + Math.min(frame.depth * level, FLAME_HEIGHT - level);
      const row = Math.round(top);
      if (right - left <= 1 && drawn.get(row) === Math.floor(left)) continue;
      drawn.set(row, Math.floor(right - 0.01));
      pen.fillStyle = frame.end === "unwind" ? colour("--flame-bad") : shades[(frame.code?.id ?? 0) % 3]!;
      pen.fillRect(left, top, Math.max(right - left - (right - left > 3 ? 1 : 0), 1), Math.max(level - 0.5, 1));
      if (right - left > 60 && level >= 10) {
        pen.fillStyle = colour("--flame-text");
        pen.font = "10px system-ui, sans-serif";
        pen.save();
        pen.beginPath();
        pen.rect(left, top, right - left - 3, level);
        pen.clip();
        pen.fillText(functionOf(frame), left + 3, top + level - 2.5);
        pen.restore();
      }
    }
    const inView = (moments: readonly number[], draw: (at: number) => void): void => {
      let last = -1;
      for (const moment of moments) {
        if (moment < from || moment >= to) continue;
        const at = Math.round(x(moment + 0.5));
        if (at !== last) draw(at);
        last = at;
      }
    };
    pen.fillStyle = colour("--output");
    inView(index.marks.output, (at) => {
      pen.beginPath();
      pen.arc(at, 11, 2.5, 0, 7);
      pen.fill();
    });
    pen.fillStyle = colour("--log");
    inView(index.marks.log, (at) => pen.fillRect(at - 2, 9, 4.5, 4.5));
    pen.fillStyle = colour("--bad");
    inView(index.marks.raise, (at) => {
      pen.beginPath();
      pen.moveTo(at, 8);
      pen.lineTo(at - 4, 1);
      pen.lineTo(at + 4, 1);
      pen.fill();
    });
    pen.strokeStyle = colour("--accent");
    inView(results.map((result) => result.n), (at) => {
      pen.beginPath();
      pen.moveTo(at, MARKS_HEIGHT + FLAME_HEIGHT - 6);
      pen.lineTo(at, MARKS_HEIGHT + FLAME_HEIGHT);
      pen.stroke();
    });
    pen.strokeStyle = colour("--muted");
    inView(index.marks.gap, (at) => {
      for (let y = 0; y < MARKS_HEIGHT + FLAME_HEIGHT; y += 5) {
        pen.beginPath();
        pen.moveTo(at - 4, y + 5);
        pen.lineTo(at + 4, y);
        pen.stroke();
      }
    });
  }, [store, width, from, to, results, scheme]);

  const at = (event: MouseEvent): number => {
    const box = canvas.current!.getBoundingClientRect();
    return Math.floor(from + ((event.clientX - box.left) / Math.max(box.width, 1)) * size);
  };
  const left = (moment: number): string => `${(((moment + 0.5 - from) / size) * 100).toFixed(3)}%`;
  const say = (moment: number): string => {
    const frame = index.frame(moment);
    return frame === null ? KINDS[index.kind(moment)]! : `${functionOf(frame)}, ${placeOf(store, moment)}, ${KINDS[index.kind(moment)]}`;
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = Math.max(1, Math.round(size / 100));
    const moves: Record<string, number> = {
      ArrowRight: n + step, ArrowLeft: n - step, PageDown: n + step * 10, PageUp: n - step * 10, Home: index.first, End: index.stop - 1,
    };
    const to = moves[event.key];
    if (to === undefined) return;
    store.go(Math.max(index.first, Math.min(index.stop - 1, to)));
    event.preventDefault();
    event.stopPropagation();
  };
  const phases = index.spans.filter((span) => PHASES[span.phase] !== "fixture");
  return (
    <section class="timeline" aria-label="Timeline">
      <div class="phases">
        {phases.map((span) => {
          const begin = Math.max(span.begin, from);
          const end = Math.min(span.end === NONE ? index.stop : span.end + 1, to);
          if (end <= begin) return null;
          const word = `${PHASES[span.phase]}${span.outcome === "failed" ? " \u2717 failed" : ""}`;
          return (
            <span key={span.begin} class={`phase ${span.outcome}`} title={safeText(`${word} ${span.name}`)}
              style={{ left: `${((begin - from) / size) * 100}%`, width: `${((end - begin) / size) * 100}%` }}>
              {word}
            </span>
          );
        })}
      </div>
      <div
        class="strip"
        role="slider"
        tabIndex={0}
        aria-label="Moment"
        aria-valuemin={index.first}
        aria-valuemax={Math.max(index.stop - 1, index.first)}
        aria-valuenow={Math.max(n, index.first)}
        aria-valuetext={n === NONE ? "none" : `event ${count(n)}: ${say(n)}`}
        onKeyDown={onKeyDown}
        onMouseDown={(event) => event.button === 0 && setDragged(at(event))}
        onMouseMove={(event) => store.setPeek(Math.max(index.first, Math.min(at(event), index.stop - 1)))}
        onMouseLeave={() => {
          setDragged(NONE);
          store.setPeek(NONE);
        }}
        onMouseUp={(event) => {
          const end = at(event);
          if (dragged !== NONE && Math.abs(end - dragged) > size / 50) {
            store.set({ from: Math.max(index.first, Math.min(dragged, end)), to: Math.min(index.stop, Math.max(dragged, end) + 1) });
          } else if (dragged !== NONE) {
            store.go(Math.max(index.first, Math.min(end, index.stop - 1)));
          }
          setDragged(NONE);
        }}
        onDblClick={() => store.set({ from: index.first, to: index.stop })}
        onWheel={(event) => {
          if (!event.ctrlKey && !event.shiftKey) return;
          event.preventDefault();
          store.zoom(event.deltaY > 0 ? 1.25 : 0.8, at(event));
        }}
      >
        <canvas ref={canvas} aria-hidden="true" />
        {dragged !== NONE && peek !== NONE && (
          <span class="drag" style={{ left: left(Math.min(dragged, peek)), width: `${(Math.abs(peek - dragged) / size) * 100}%` }} />
        )}
        {n !== NONE && n >= from && n < to && <span class="now" style={{ left: left(n) }} />}
        {peek !== NONE && peek >= from && peek < to && (
          <span class={`peek${peek - from > size / 2 ? " right" : ""}`} style={{ left: left(peek) }}>
            <span class="tip">{say(peek)}</span>
          </span>
        )}
      </div>
      <div class="legend">
        <span><i class="mark raise" aria-hidden="true">{"\u25bc"}</i> exception</span>
        <span><i class="mark output" aria-hidden="true">{"\u25cf"}</i> output</span>
        <span><i class="mark log" aria-hidden="true">{"\u25a0"}</i> log</span>
        {index.marks.gap.length > 0 && <span><i class="mark" aria-hidden="true">{"\u25a8"}</i> gap</span>}
        <span class="space" />
        <span>events {count(from)} to {count(Math.max(to - 1, from))}</span>
        <button onClick={() => store.zoom(0.5)} title="Zoom in (+)" aria-label="Zoom in">+</button>
        <button onClick={() => store.zoom(2)} title="Zoom out (-)" aria-label="Zoom out">{"\u2212"}</button>
        <button onClick={() => store.set({ from: index.first, to: index.stop })} title="Show all (0)">All</button>
      </div>
    </section>
  );
}

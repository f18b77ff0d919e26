// Steps through time: buttons for every move, and the stepper of the loop around this moment.

import type { JSX } from "preact";

import { NONE } from "../format/scan";
import { KINDS } from "../format/vocabulary";
import { iterationOf } from "../model/loops";
import { type Move, useStore } from "./store";
import { count, duration, placeOf } from "./words";

interface Button {
  move: Move;
  sign: string;
  label: string;
  key: string;
}

const STEPS: Button[] = [
  { move: "out-back", sign: "\u21f1", label: "Out, backwards: to the call of this function", key: "O" },
  { move: "over-back", sign: "\u2190", label: "Over, backwards", key: "p" },
  { move: "into-back", sign: "\u21a4", label: "Into, backwards: one event back", key: "I" },
  { move: "into", sign: "\u21a6", label: "Into: one event on", key: "i" },
  { move: "over", sign: "\u2192", label: "Over", key: "n" },
  { move: "out", sign: "\u21f2", label: "Out: to after this function", key: "o" },
];

const PAIRS: [string, Button, Button][] = [
  ["line", { move: "line-back", sign: "\u25c2", label: "Previous execution of this line", key: "[" },
    { move: "line-next", sign: "\u25b8", label: "Next execution of this line", key: "]" }],
  ["write", { move: "write-back", sign: "\u25c2", label: "Previous write of the variable", key: "," },
    { move: "write-next", sign: "\u25b8", label: "Next write of the variable", key: "." }],
  ["exception", { move: "raise-back", sign: "\u25c2", label: "Previous exception", key: "E" },
    { move: "raise-next", sign: "\u25b8", label: "Next exception", key: "e" }],
  ["output", { move: "output-back", sign: "\u25c2", label: "Previous output", key: "W" },
    { move: "output-next", sign: "\u25b8", label: "Next output", key: "w" }],
];

export function Toolbar(): JSX.Element {
  const store = useStore();
  const { n, name, says } = store.state;
  const iterations = store.iterations();
  const button = ({ move, sign, label, key }: Button, text?: string): JSX.Element => (
    <button key={move} data-move={move} title={`${label} (${key})`} aria-label={label} onClick={() => store.move(move)}
      disabled={store.state.n === NONE || (move.startsWith("write") && name === null)}>
      <span aria-hidden="true">{sign}</span>{text}
    </button>
  );
  return (
    <div class="toolbar" role="toolbar" aria-label="Time travel">
      <span class="group" role="group" aria-label="Step backwards">{STEPS.slice(0, 3).map((one, at) => button(one, [" out", " over", " into"][at]))}</span>
      <span class="group" role="group" aria-label="Step on">{STEPS.slice(3).map((one, at) => button(one, [" into", " over", " out"][at]))}</span>
      {PAIRS.map(([word, back, next]) => (
        <span class="group" key={word} role="group" aria-label={word}>
          {button(back)}
          <span class="word">{word}</span>
          {button(next)}
        </span>
      ))}
      {iterations !== null && (
        <span class="group loop" role="group" aria-label="Loop">
          {button({ move: "iteration-back", sign: "\u25c2", label: "Previous iteration", key: "L" })}
          <span class="word" id="iteration">
            line {iterations.line}: iteration {count(iterationOf(iterations, n))} of {count(iterations.starts.length)}
          </span>
          {button({ move: "iteration-next", sign: "\u25b8", label: "Next iteration", key: "l" })}
        </span>
      )}
      <span class="space" />
      <span class="where" aria-live="polite" id="where">
        {says || (n === NONE ? "no moment" : `${KINDS[store.index.kind(n)]} at ${placeOf(store, n)}, event ${count(n)}, ${duration(store.index.time(n))}`)}
      </span>
    </div>
  );
}

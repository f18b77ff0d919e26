// Says what this is: the test, how it ended, and whether the trace is whole.

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { safeText, shorten } from "../format/python";
import { type Store, useLatest, useStore } from "./store";
import { count, duration, plural } from "./words";

const SIGNS: Record<string, string> = { failed: "\u2717", passed: "\u2713", skipped: "\u2013", died: "\u2620", interrupted: "\u25a0" };

function phaseOf(store: Store): string | null {
  const phases = (store.trace.head.manifest["phases"] ?? {}) as Record<string, string>;
  const failed = Object.entries(phases).find(([, outcome]) => outcome === "failed");
  return failed ? failed[0] : (Object.keys(phases).includes("call") ? "call" : null);
}

export function badgesOf(store: Store): { word: string; why: string }[] {
  const { head, index } = store.trace;
  const dropped = Number(head.trailer["dropped"] ?? 0);
  const badges: { word: string; why: string }[] = [];
  if (head.status === "partial" || index.damage !== null) {
    const why = [head.reason, head.message, index.damage].filter((one) => one !== null).join(": ");
    badges.push({ word: "partial", why: safeText(why || "the recording ended early") });
  }
  if (dropped > 0) badges.push({ word: "truncated", why: `${plural(dropped, "event")} left out by the recorder: see the gaps` });
  if (head.kept < head.events) {
    const last = head.first + head.kept;
    badges.push({
      word: "excerpt",
      why: `this page has events ${count(head.first)} to ${count(last - 1)} of ${count(head.events)}: what is around the failure. The trace file has all`,
    });
  }
  if (index.secrets > 0) badges.push({ word: "redacted", why: "values whose names say that they are secrets were hidden while recording" });
  return badges;
}

export function Header(): JSX.Element {
  const store = useStore();
  const { head } = store.trace;
  const { manifest } = head;
  const [copied, setCopied] = useState(false);
  const outcome = String(manifest["outcome"] ?? "recorded");
  const number = Number(manifest["attempt"] ?? 1);
  const phase = phaseOf(store);
  const failure = useLatest(async () => (head.failure === null ? null : store.trace.event(head.failure)), [head], null);
  const error = failure?.exception ?? null;
  const test = safeText(String(manifest["test"] ?? "a program"));
  const copy = (): void => {
    void navigator.clipboard?.writeText(location.href).then(() => {
      setCopied(true);
      setTimeout(() => setCopied(false), 2000);
    }, () => undefined);
  };
  return (
    <header class="header">
      <div class="line">
        <span class={`chip ${outcome === "passed" ? "good" : outcome === "failed" || outcome === "died" ? "bad" : ""}`}>
          <span aria-hidden="true">{SIGNS[outcome] ?? "\u25cf"} </span>
          {safeText(outcome)}
        </span>
        <h1 title={test}>{test}</h1>
        {badgesOf(store).map(({ word, why }) => (
          <button key={word} class="badge" title={why} onClick={() => store.setTab("recorder")} aria-label={`${word}: ${why}`}>
            {word}
          </button>
        ))}
        <span class="space" />
        <button onClick={copy} title="Copy a link to this moment (y)" id="copy-link">{copied ? "Copied" : "Copy link"}</button>
        <button onClick={() => store.set({ isHelpOpen: true })} title="Keys (?)" aria-haspopup="dialog">Keys</button>
      </div>
      <div class="line facts">
        {phase !== null && <span>phase {safeText(phase)}</span>}
        <nav aria-label="Attempts">
          attempt {number} of {Math.max(store.attempts.length, number)}
          {store.attempts.length > 1 && store.attempts.map((one) => {
            const text = `${one.attempt}${one.outcome ? ` ${safeText(one.outcome)}` : ""}`;
            if (one.is_this) return <b key={one.attempt} aria-current="page">{text}</b>;
            if (one.href === null || !isBeside(one.href)) return <span key={one.attempt}>{text}</span>;
            return <a key={one.attempt} href={one.href}>{text}</a>;
          })}
        </nav>
        <span>{duration(Number(head.trailer["duration_us"] ?? 0))}</span>
        <span>{plural(head.events, "event")}</span>
        <span>Python {safeText(String(manifest["python"] ?? "?"))}</span>
      </div>
      {error !== null && (
        <div class="line error">
          <span class="sign" aria-hidden="true">!!</span>
          <code title={safeText(error.message)}>
            <b>{safeText(error.type)}</b>: {safeText(shorten(error.message.split("\n")[0] ?? "", 300))}
          </code>
          <button onClick={() => store.move("failure")} title="Go to the failure (f)">Go to the failure</button>
        </div>
      )}
    </header>
  );
}

// Only a page beside this one: never another scheme, never another host.
function isBeside(href: string): boolean {
  return /^(\.\.\/)*[A-Za-z0-9._][A-Za-z0-9._\-/]*\.html$/.test(href);
}

// Words that several panes use.

import type { FrameRow } from "../format/scan";
import { safeText } from "../format/python";
import type { Store } from "./store";

export function duration(us: number): string {
  if (us < 1000) return `${Math.round(us)} \u00b5s`;
  if (us < 1_000_000) return `${(us / 1000).toPrecision(3)} ms`;
  return `${(us / 1_000_000).toPrecision(3)} s`;
}

const english = new Intl.NumberFormat("en");

export const count = (number: number): string => english.format(number);

export function plural(number: number, word: string): string {
  return `${count(number)} ${word}${number === 1 ? "" : "s"}`;
}

export function shownFile(store: Store, path: string): string {
  const root = String(store.trace.head.manifest["root"] ?? "").replace(/[/\\]+$/, "");
  const shown = root && path.startsWith(root) ? path.slice(root.length).replace(/^[/\\]/, "") : path;
  return safeText(shown);
}

export function functionOf(frame: FrameRow | null | undefined): string {
  return safeText(frame?.code?.name ?? "(no function)").replace(/^.*<locals>\./, "");
}

export function placeOf(store: Store, n: number): string {
  const frame = store.index.frame(n);
  return frame?.code ? `${shownFile(store, frame.code.file)}:${store.index.line(n)}` : "";
}

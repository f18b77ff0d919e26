// Words a change as what changed: `order.lines[2] = ...`, not the whole order again.

import { safeText } from "../format/python";
import type { Value } from "../format/values";
import { renderValue } from "./render";

const MOST_PARTS = 3;

// Whether two values are the same as far as both are shown: one can show fewer levels than the other, and only
// the length is known of what lies deeper.
export function isSame(a: Value | undefined, b: Value | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined) return false;
  if (isAtDepth(a) !== isAtDepth(b) && a.id !== undefined) return a.id === b.id && a.type === b.type && lengthOf(a) === lengthOf(b);
  if (a.type !== b.type || a.id !== b.id || !Object.is(a.value, b.value) || a.length !== b.length) return false;
  if (a.bits !== b.bits || a.redacted !== b.redacted || a.unavailable !== b.unavailable || a.reason !== b.reason) return false;
  if (a.items && b.items) return a.items.length === b.items.length && a.items.every((item, at) => isSame(item, b.items![at]));
  if (a.entries && b.entries) {
    return a.entries.length === b.entries.length
      && a.entries.every(([key, item], at) => isSame(key, b.entries![at]![0]) && isSame(item, b.entries![at]![1]));
  }
  if (a.attributes && b.attributes) {
    if (a.attributes.size !== b.attributes.size) return false;
    for (const [name, item] of a.attributes) if (!isSame(item, b.attributes.get(name))) return false;
  }
  return true;
}

const isAtDepth = (value: Value): boolean => value.reason === "depth";
const lengthOf = (value: Value): number | undefined => value.length ?? value.attributes?.size;

// Whether two values are equal as far as was recorded: the same scalar, or the same object.
export function isEqualTo(a: Value, b: Value): boolean {
  if (a.id !== undefined || b.id !== undefined) return a.id === b.id && a.type === b.type;
  return isSame(a, b);
}

export function describeChange(name: string, old: Value | undefined, value: Value, width = 60): string[] {
  const whole = `${safeText(name)} = ${renderValue(value, width)}`;
  if (old === undefined || old.id === undefined || old.id !== value.id) return [whole];
  // It was changed and changed back, by others.
  if (isSame(old, value)) return [];
  const parts: string[] = [];
  collect(safeText(name), old, value, parts, width);
  return parts.length && parts.length <= MOST_PARTS ? parts : [whole];
}

function collect(name: string, old: Value, value: Value, out: string[], width: number): void {
  if (out.length > MOST_PARTS || isSame(old, value)) return;
  if (old.id === undefined || old.id !== value.id || old.type !== value.type || isAtDepth(old) !== isAtDepth(value)) {
    out.push(`${name} = ${renderValue(value, width)}`);
  } else if (value.attributes && old.attributes) {
    named(old.attributes, value.attributes, (key) => `${name}.${safeText(key)}`, out, width);
  } else if (value.entries && old.entries) {
    const [before, now] = [keyed(old.entries), keyed(value.entries)];
    named(before, now, (key) => `${name}[${key}]`, out, width);
  } else if (value.items && old.items && (value.length ?? 0) >= (old.length ?? 0)) {
    for (const [at, item] of value.items.entries()) {
      const before = old.items[at];
      if (before === undefined) out.push(`${name}[${at}] = ${renderValue(item, width)}`);
      else collect(`${name}[${at}]`, before, item, out, width);
    }
    if (value.items.length < (value.length ?? 0)) out.push(`len(${name}) = ${value.length}`);
  } else {
    out.push(`${name} = ${renderValue(value, width)}`);
  }
}

function keyed(entries: [Value, Value][]): Map<string, Value> {
  return new Map(entries.map(([key, item]) => [renderValue(key), item]));
}

function named(old: Map<string, Value>, now: Map<string, Value>, form: (key: string) => string, out: string[], width: number): void {
  for (const [key, item] of now) {
    const before = old.get(key);
    if (before === undefined) out.push(`${form(key)} = ${renderValue(item, width)}`);
    else collect(form(key), before, item, out, width);
  }
  for (const key of old.keys()) if (!now.has(key)) out.push(`del ${form(key)}`);
}

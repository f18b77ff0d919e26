// Says how this was recorded, and what was not recorded and why.

import type { ComponentChildren, JSX } from "preact";

import { safeText } from "../format/python";
import { badgesOf } from "./Header";
import { useLatest, useStore } from "./store";
import { count, plural } from "./words";

const plain = (value: unknown): string => {
  if (value === null || value === undefined || value === "") return "";
  if (typeof value === "object") {
    const pairs = Object.entries(value as object);
    return pairs.map(([key, item]) => (Array.isArray(value) ? plain(item) : `${key}=${plain(item)}`)).join(", ");
  }
  return safeText(String(value));
};

export function Recorder(): JSX.Element {
  const store = useStore();
  const { head, index, defs } = store.trace;
  const { manifest, trailer } = head;
  const gaps = useLatest(async () => Promise.all(index.marks.gap.slice(0, 100).map((n) => store.trace.event(n))), [index], []);
  const errors = (trailer["errors"] ?? []) as Record<string, unknown>[];
  const limits = (manifest["limits"] ?? []) as string[];
  const values = (manifest["values"] ?? {}) as Record<string, number>;
  const missing: ComponentChildren[] = badgesOf(store).map(({ word, why }) => <><b>{word}</b>: {why}</>);
  for (const gap of gaps) {
    if (gap !== null) missing.push(<>{count(gap.dropped)} events before event {count(gap.n)}: {safeText(gap.word ?? "")}</>);
  }
  if (manifest["level"] !== "values") missing.push(<>values of variables and attributes: the level was {plain(manifest["level"])}</>);
  missing.push(<>of each value at most {plain(values)}; the true size stands beside what was cut</>);
  missing.push(<>code outside of the project: the standard library, installed packages, pytest</>);
  for (const limit of limits) missing.push(<>{safeText(limit)}</>);
  const facts: [string, unknown][] = [
    ["test", manifest["test"]], ["attempt", manifest["attempt"]], ["outcome", manifest["outcome"]], ["phases", manifest["phases"]],
    ["status", head.status], ["events", count(head.events)], ["dropped", trailer["dropped"]], ["trace file", `${count(head.size_bytes)} bytes`],
    ["started", manifest["started"]], ["Python", `${manifest["implementation"]} ${manifest["python"]} on ${manifest["platform"]}`],
    ["versions", manifest["versions"]], ["engine", `${manifest["engine"]}: ${manifest["engine_reason"]}`],
    ["hot path", `${manifest["hot_path"]}: ${manifest["hot_path_reason"]}`], ["level", manifest["level"]], ["scope", manifest["scope"]],
    ["threads", [...defs.threads.values()]], ["policy", manifest["policy"]], ["counters", trailer["counters"]], ["run", manifest["run_id"]],
    ["trace", manifest["trace_id"]],
  ];
  return (
    <div class="recorder" tabIndex={0} role="group" aria-label="About the recording">
      <h3>What was not recorded, and why</h3>
      <ul>{missing.map((one, at) => <li key={at}>{one}</li>)}</ul>
      {errors.length > 0 && (
        <>
          <h3>{plural(errors.length, "error")} of the recorder</h3>
          <ul>{errors.map((error, at) => <li key={at}>{plain(error)}</li>)}</ul>
        </>
      )}
      <h3>How it was recorded</h3>
      <table>
        <tbody>
          {facts.filter(([, value]) => plain(value) !== "").map(([name, value]) => <tr key={name}><th scope="row">{name}</th><td>{plain(value)}</td></tr>)}
        </tbody>
      </table>
    </div>
  );
}

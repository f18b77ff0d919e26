// Starts the page. The text that is there without scripts stays until the trace is shown.

import { render } from "preact";

import { carriedBlocks } from "./model/blocks";
import { type Attempt, type Head, Trace } from "./model/trace";
import "./style.css";
import { App } from "./ui/App";
import { Store } from "./ui/store";

const read = (id: string): unknown => JSON.parse(document.getElementById(id)!.textContent ?? "null");

async function start(): Promise<void> {
  const root = document.getElementById("app")!;
  const text = document.getElementById("text")!;
  try {
    const trace = await Trace.open(read("head") as Head, carriedBlocks(document), (part) => {
      root.textContent = `Reading the trace: ${Math.round(part * 100)} %`;
    });
    const store = new Store(trace, read("attempts") as Attempt[]);
    root.textContent = "";
    text.hidden = true;
    document.documentElement.classList.add("ready");
    render(<App store={store} />, root);
    performance.mark("shown");
  } catch (error) {
    text.hidden = false;
    root.textContent = `The trace cannot be shown here (${error instanceof Error ? error.message : String(error)}). Its text stands above.`;
  }
}

void start();

// Opens pages in the Chromium of the system, and reads what they show.
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";

import { type Browser, type Page, chromium } from "playwright-core";
import { expect } from "vitest";

import { folder } from "./pages";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "chrome"];

export function executable(): string {
  const named = process.env["CHROMIUM"];
  if (named) return named;
  for (const place of (process.env["PATH"] ?? "").split(delimiter)) {
    for (const name of NAMES) if (existsSync(join(place, name))) return join(place, name);
  }
  throw new Error("no Chromium found: install one, or name it in CHROMIUM");
}

export function launch(): Promise<Browser> {
  // Root needs --no-sandbox; the rest keeps Chromium from talking to anybody.
  const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
  return chromium.launch({ executablePath: executable(), args });
}

export function pathOf(name: string): string {
  return (JSON.parse(readFileSync(join(folder(), "pages"), "ascii")) as Record<string, string>)[name]!;
}

// A page that has been opened, with everything that must not happen in it.
export class Shown {
  readonly faults: string[] = [];
  readonly requests: string[] = [];

  constructor(readonly page: Page) {
    page.on("pageerror", (error) => this.faults.push(`error: ${error.message}`));
    page.on("console", (message) => this.faults.push(`console: ${message.text()}`));
    page.on("dialog", (dialog) => {
      this.faults.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on("request", (request) => this.requests.push(request.url()));
  }

  static async open(browser: Browser, name: string, options: { hash?: string; path?: string; context?: object } = {}): Promise<Shown> {
    const page = await browser.newPage({ viewport: { width: 1400, height: 900 }, ...options.context });
    const shown = new Shown(page);
    await page.goto(pathToFileURL(options.path ?? pathOf(name)).href + (options.hash ?? ""));
    await page.waitForSelector(".code .row.current");
    return shown;
  }

  // Where the reader stands: kind, file, line, event.
  async where(): Promise<{ kind: string; file: string; line: number; n: number }> {
    await expect.poll(() => this.page.locator("#where").textContent()).toMatch(/ at /);
    const text = (await this.page.locator("#where").textContent())!;
    const found = /^(\w+) at (.*):(\d+), event ([\d,]+)/.exec(text)!;
    return { kind: found[1]!, file: found[2]!, line: Number(found[3]), n: Number(found[4]!.replaceAll(",", "")) };
  }

  async press(...keys: string[]): Promise<{ kind: string; line: number; n: number }> {
    for (const key of keys) await this.page.keyboard.press(key);
    return this.where();
  }

  says(): Promise<string | null> {
    return this.page.locator("#where").textContent();
  }

  // The variables that are shown, as text.
  async variable(name: string): Promise<string> {
    return (await this.page.locator(`.values > li[data-name="${name}"] > .value-line .value`).first().textContent({ timeout: 5000 }))!;
  }

  async expectVariable(name: string, text: string): Promise<void> {
    await expect.poll(() => this.variable(name)).toBe(text);
  }

  async clickLine(line: number): Promise<void> {
    await this.page.locator("#lines").focus();
    await this.page.locator(`#lines [data-line="${line}"] .number`).first().click();
  }

  async ghost(line: number): Promise<string> {
    return (await this.page.locator(`#lines [data-line="${line}"] .ghost`).allTextContents()).join("").trim();
  }

  async expectGhost(line: number, text: string): Promise<void> {
    await expect.poll(() => this.ghost(line)).toBe(text);
  }

  async close(): Promise<void> {
    expect(this.faults).toEqual([]);
    for (const url of this.requests) expect(url).toMatch(/^file:/);
    await this.page.close();
  }
}

const axe = readFileSync(new URL("../node_modules/axe-core/axe.min.js", import.meta.url), "utf-8");

// What axe-core finds in a page of a context with `bypassCSP`: axe is brought in from outside of its policy.
export async function axeFindings(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    const run = (globalThis as unknown as { axe: { run: (options: object) => Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }> } }).axe;
    return (await run.run({})).violations.map((one) => `${one.id}: ${one.nodes.map((node) => `${node.html.slice(0, 160)} ${node.failureSummary}`).join(" | ")}`);
  });
}

const source = readFileSync(new URL("programs/test_stories.py", import.meta.url), "utf-8").split("\n");

// The number of the line with this text, the first after `after`.
export function lineOf(text: string, after = "def "): number {
  const start = source.findIndex((line) => line.includes(after));
  const found = source.findIndex((line, at) => at >= start && line.includes(text));
  expect(found).toBeGreaterThan(-1);
  return found + 1;
}

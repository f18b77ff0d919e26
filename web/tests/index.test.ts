// What a reader can do with the page of a folder of traces, in a real browser.
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { axeFindings, launch, Shown } from "./browser";
import { folder } from "./pages";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

const url = (): string => pathToFileURL(join(folder(), "tests", "test-traces", "index.html")).href;

async function open(options: object = {}): Promise<Shown> {
  const shown = new Shown(await browser.newPage(options));
  await shown.page.goto(url());
  return shown;
}

// The texts of a column, of the rows that are shown.
const column = (page: Page, name: string): Promise<string[]> => page.locator(`tbody tr:visible td.${name}`).allTextContents();
const events = (page: Page): Promise<number[]> =>
  page.locator("tbody tr").evaluateAll((rows) => rows.map((row) => Number(row.querySelectorAll("td.number")[2]!.getAttribute("data-value"))));
const head = (page: Page, name: string) => page.locator("th", { hasText: new RegExp(`^${name}$`) });

test("the failures come first", async () => {
  const shown = await open();
  const outcomes = await column(shown.page, "outcome");
  expect(outcomes.length).toBe(16);
  expect(outcomes[0]).toBe("failed");
  expect(outcomes.lastIndexOf("failed")).toBe(outcomes.filter((one) => one === "failed").length - 1);
  await shown.close();
});

test("search keeps the rows that have all words, in any case, and counts them", async () => {
  const shown = await open();
  const status = shown.page.locator("[role=status]");
  await shown.page.getByLabel("Search").fill("TEST_LOOP assertionerror");
  for (const name of await column(shown.page, "test")) expect(name).toContain("::test_loop");
  expect(await status.textContent()).toBe("2 of 16 shown");
  await shown.page.getByLabel("Search").fill("no such word");
  expect(await column(shown.page, "test")).toEqual([]);
  expect(await status.textContent()).toBe("0 of 16 shown");
  await shown.page.getByLabel("Search").fill("");
  expect((await column(shown.page, "test")).length).toBe(16);
  expect(await status.textContent()).toBe("");
  await shown.close();
});

test("a head sorts by its column, numbers as numbers, and back", async () => {
  const shown = await open();
  const before = await events(shown.page);
  const ascending = [...before].sort((one, other) => one - other);
  expect(before).not.toEqual(ascending);
  await head(shown.page, "events").getByRole("button").click();
  expect(await events(shown.page)).toEqual(ascending);
  expect(await head(shown.page, "events").getAttribute("aria-sort")).toBe("ascending");
  // By the keyboard too.
  await shown.page.keyboard.press("Enter");
  expect(await events(shown.page)).toEqual([...ascending].reverse());
  expect(await head(shown.page, "events").getAttribute("aria-sort")).toBe("descending");
  await head(shown.page, "test").getByRole("button").click();
  const names = await column(shown.page, "test");
  expect(names).toEqual([...names].sort());
  expect(await head(shown.page, "events").getAttribute("aria-sort")).toBeNull();
  await shown.close();
});

test("a link opens the viewer at the failure", async () => {
  const shown = await open();
  await shown.page.getByLabel("Search").fill("test_loop");
  await shown.page.getByRole("link", { name: "view" }).first().click();
  await shown.page.waitForSelector(".code .row.current");
  expect((await shown.where()).kind).toBe("raise");
  await shown.close();
});

test("without scripts it is the same table", async () => {
  const shown = await open({ javaScriptEnabled: false });
  expect(await shown.page.locator("tbody tr").count()).toBe(16);
  expect(await shown.page.locator("input, button").count()).toBe(0);
  await shown.close();
});

describe.each([
  ["light", 1400],
  ["dark", 1400],
  ["light", 640],
] as const)("axe-core finds nothing in the page of a folder, %s, %i pixels wide", (colorScheme, width) => {
  test("whole, searched and sorted", async () => {
    const shown = await open({ colorScheme, viewport: { width, height: 900 }, bypassCSP: true });
    expect(await axeFindings(shown.page)).toEqual([]);
    await shown.page.getByLabel("Search").fill("test_loop");
    await head(shown.page, "events").getByRole("button").click();
    expect(await axeFindings(shown.page)).toEqual([]);
    await shown.close();
  });
});

// What a reader can do, in a real browser, with real traces.
import { copyFileSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { launch, lineOf, pathOf, Shown } from "./browser";
import { folder } from "./pages";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

describe("a page opens", () => {
  test("at the failure, with every value at hand", async () => {
    const shown = await Shown.open(browser, "test_loop-1");
    const at = await shown.where();
    expect(at).toMatchObject({ kind: "raise", file: "test_stories.py", line: lineOf("assert total == 21") });
    await shown.expectVariable("total", "20");
    await shown.expectVariable("number", "4");
    await shown.expectGhost(at.line, "# raised AssertionError: assert 20 == 21");
    const header = await shown.page.locator("header").textContent();
    expect(header).toMatch(/[\d.]+ (\u00b5s|ms|s)\d+ events/);
    for (const text of ["failed", "test_stories.py::test_loop", "phase call", "attempt 1 of 2", "AssertionError", "assert 20 == 21"]) {
      expect(header).toContain(text);
    }
    await shown.close();
  });

  test("with the lines that ran lit, counted, and the phases of the test above", async () => {
    const shown = await Shown.open(browser, "test_loop-1");
    const row = (text: string, after?: string) => shown.page.locator(`#lines [data-line="${lineOf(text, after)}"] .source-line`);
    await expect.poll(() => row("total += doubled").locator(".hits").textContent()).toBe("5\u00d7");
    expect(await row("total += doubled").getAttribute("class")).toContain("ran");
    expect(await row("for number in range(5)").locator(".hits").textContent()).toBe("6\u00d7");
    expect(await row("assert total == 21").getAttribute("class")).toContain("raised");
    expect(await shown.page.locator(".phases .phase").allTextContents()).toEqual(["setup", "call \u2717 failed", "teardown"]);
    // The flame: more than one colour has been drawn.
    const colours = await shown.page.locator(".strip canvas").evaluate((canvas: HTMLCanvasElement) => {
      const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
      return new Set(new Uint32Array(data.buffer)).size;
    });
    expect(colours).toBeGreaterThan(2);
    await shown.close();
  });

  test("with a line that did not run unlit", async () => {
    const shown = await Shown.open(browser, "test_exception_chain-1");
    const row = shown.page.locator(`#lines [data-line="${lineOf("assert port")}"] .source-line`);
    await expect.poll(() => row.locator(".hits").getAttribute("title")).toBe("did not run");
    expect(await row.getAttribute("class")).not.toContain("ran");
    await shown.close();
  });

  test("with the lines that the trace does not hold in one row", async () => {
    const shown = await Shown.open(browser, "test_loop-1");
    const rows = shown.page.locator("#lines .row");
    const first = lineOf("def test_loop");
    const last = lineOf("assert total == 21");
    await expect.poll(() => rows.count()).toBe(last - first + 3);
    expect(await rows.first().textContent()).toBe(`\u22ef ${first - 1} lines left out: nothing in them ran`);
    expect(await rows.nth(1).locator(".number").textContent()).toBe(String(first));
    expect(await rows.nth(last - first + 2).textContent()).toMatch(/^\u22ef [\d,]+ lines left out/);
    await shown.close();
  });

  test("without scripts as text", async () => {
    const page = await browser.newPage({ javaScriptEnabled: false });
    await page.goto(`file://${pathOf("test_loop-1")}`);
    expect(await page.locator("#text").isVisible()).toBe(true);
    expect(await page.locator("#text pre").textContent()).toContain("AssertionError: assert 20 == 21");
    // The same words as in the file beside it.
    const beside = readFileSync(join(dirname(pathOf("test_loop-1")), "failure.md"), "utf-8");
    expect(await page.locator("#text pre").textContent()).toBe(beside);
    await page.close();
  });

  test("under a policy that forbids scripts and styles as text", async () => {
    const path = join(mkdtempSync(join(tmpdir(), "jenkins-")), "trace.html");
    const html = readFileSync(pathOf("test_loop-1"), "ascii");
    const policy = `<meta http-equiv="Content-Security-Policy" content="sandbox; default-src 'none'; img-src 'self'; style-src 'self';">`;
    writeFileSync(path, html.replace('<meta charset="utf-8">', `<meta charset="utf-8">${policy}`));
    const page = await browser.newPage();
    await page.goto(`file://${path}`);
    expect(await page.locator("#text pre").isVisible()).toBe(true);
    expect(await page.locator(".app").count()).toBe(0);
    await page.close();
  });

  test("from any folder, alone", async () => {
    const path = join(mkdtempSync(join(tmpdir(), "alone ü #%")), "trace.html");
    copyFileSync(pathOf("test_loop-1"), path);
    const shown = await Shown.open(browser, "", { path });
    await shown.expectVariable("total", "20");
    await shown.close();
  });

  test("with the text when its blocks are damaged", async () => {
    const path = join(mkdtempSync(join(tmpdir(), "damaged-")), "trace.html");
    writeFileSync(path, readFileSync(pathOf("test_loop-1"), "ascii").replace(/(data-block="2" data-deflated>)..../, "$1AAAA"));
    const page = await browser.newPage();
    await page.goto(`file://${path}`);
    await expect.poll(() => page.locator("#app").textContent()).toContain("cannot be shown");
    expect(await page.locator("#text pre").isVisible()).toBe(true);
    await page.close();
  });

  test("at the moment that its link names", async () => {
    const first = await Shown.open(browser, "test_loop-1");
    await first.clickLine(lineOf("doubled = number * 2"));
    await first.press("[", "[");
    await first.page.locator('.values > li[data-name="total"] button.name').click();
    const at = await first.where();
    const hash = new URL(first.page.url()).hash;
    expect(hash).toContain("v=total");
    const second = await Shown.open(browser, "test_loop-1", { hash });
    expect(await second.where()).toEqual(at);
    expect(await second.page.locator(".chosen-details").textContent()).toContain("History of total");
    await second.page.evaluate(() => { location.hash = "#e=0"; });
    await expect.poll(async () => (await second.where()).n).not.toBe(at.n);
    await first.close();
    await second.close();
  });

  test("and leads to the other attempts", async () => {
    const shown = await Shown.open(browser, "test_loop-1");
    await shown.page.locator('nav[aria-label="Attempts"] a').click();
    await expect.poll(() => shown.page.url()).toBe(`file://${pathOf("test_loop-2")}#e=${(await shown.where()).n}&t=exceptions`.split("#")[0]);
    await shown.page.waitForSelector(".code .row.current");
    expect(await shown.page.locator("header").textContent()).toContain("attempt 2 of 2");
    await shown.close();
  });

  test("with what was left out of a large trace said", async () => {
    const path = pathOf("excerpt");
    const shown = await Shown.open(browser, "", { path });
    expect(await shown.page.locator("header .badge").allTextContents()).toContain("excerpt");
    await shown.page.locator("header .badge", { hasText: "excerpt" }).click();
    expect(await shown.page.locator("#panel").textContent()).toMatch(/this page has events [\d,]+ to [\d,]+ of [\d,]+/);
    const first = await shown.press("g");
    expect(first.n).toBeGreaterThan(0);
    await shown.close();
  });
});

test("a gap of the recorder is said, drawn and explained", async () => {
  const shown = await Shown.open(browser, "gap");
  expect(await shown.page.locator("header .badge").allTextContents()).toContain("truncated");
  expect(await shown.page.locator(".legend").textContent()).toContain("gap");
  await shown.press("r");
  expect(await shown.page.locator("#panel").textContent()).toMatch(/[\d,]+ events before event [\d,]+: limit/);
  await shown.close();
});

test("a recording that was cut says so", async () => {
  const shown = await Shown.open(browser, "cut");
  const badge = shown.page.locator("header .badge", { hasText: "partial" });
  expect(await badge.getAttribute("title")).toContain("ERR_TRACE_INCOMPLETE");
  await shown.close();
});

test("a frame that shows fewer levels of its values says so", async () => {
  const path = join(folder(), "fewer.html");
  const said = "of these values: too many objects were in view to show more.";
  for (const [event, open, notes] of [[1, 3, []], [2, 2, [`2 levels ${said}`]], [7, 1, [`1 level ${said}`]]] as const) {
    const shown = await Shown.open(browser, "", { path, hash: `#e=${event}` });
    await shown.expectVariable("x", `${"[".repeat(open)}[\u2026depth, 1 in all]${"]".repeat(open)}`);
    await expect.poll(() => shown.page.locator(".variables p.note", { hasText: said }).allTextContents()).toEqual(notes);
    await shown.close();
  }
});

describe("stepping through", () => {
  test("a loop: iterations, executions of a line, writes of a variable", async () => {
    const shown = await Shown.open(browser, "test_loop-1");
    const body = lineOf("total += doubled");
    await shown.clickLine(body);
    await expect.poll(() => shown.page.locator("#iteration").textContent()).toBe(`line ${lineOf("for number in range(5)")}: iteration 5 of 5`);
    await shown.press("L", "L");
    await expect.poll(() => shown.page.locator("#iteration").textContent()).toContain("iteration 3 of 5");
    await shown.expectVariable("number", "2");
    await shown.press("l");
    await shown.expectVariable("number", "3");
    // Over: the lines of the body, and the changes beside the lines that made them.
    expect((await shown.press("n")).line).toBe(body);
    await shown.expectGhost(lineOf("doubled = number * 2"), "# doubled = 6");
    expect((await shown.press("n")).line).toBe(lineOf("for number in range(5)"));
    await shown.expectGhost(body, "# total = 12");
    expect((await shown.press("p")).line).toBe(body);
    // Executions of this line.
    await shown.press("]");
    await shown.expectVariable("number", "4");
    await shown.page.keyboard.press("]");
    await expect.poll(() => shown.says()).toContain("does not run again");
    await shown.press("[", "[", "[", "[");
    await shown.expectVariable("number", "0");
    // Writes of a variable, and what changed since the last iteration.
    await shown.page.locator('.values > li[data-name="total"] button.name').click();
    await shown.press(".");
    await shown.expectVariable("total", "2");
    await shown.press(".");
    await shown.expectVariable("total", "6");
    await shown.press(",");
    await shown.expectVariable("total", "2");
    await shown.clickLine(body);
    await shown.press("]", "]");
    await shown.page.locator("#against").selectOption("iteration");
    await expect.poll(() => shown.page.locator('.values > li.changed[data-name="number"] .old').textContent()).toContain("2");
    await shown.page.locator("#against").selectOption("call");
    await expect.poll(() => shown.page.locator('.values > li[data-name="number"] .tag').first().textContent()).toBe("new");
    const history = await shown.page.locator(".history .value").allTextContents();
    expect(history).toEqual(["0", "2", "6", "12", "20"].slice(-history.length));
    await shown.close();
  });

  test("recursion: into, out, both backwards, and a folded tree", async () => {
    const shown = await Shown.open(browser, "test_recursion-1");
    const call = lineOf("result = factorial(6)");
    const rows = shown.page.locator("#tree [role=treeitem]");
    await expect.poll(() => rows.count()).toBe(2);
    await shown.press("t", "ArrowDown", "ArrowRight");
    const folded = shown.page.locator("#tree .fold");
    await expect.poll(() => folded.textContent()).toContain("factorial \u00d7 6, recursive");
    await folded.click();
    await expect.poll(() => folded.count()).toBe(0);
    expect(await rows.count()).toBeGreaterThan(3);
    await shown.clickLine(call);
    expect((await shown.press("i")).line).toBe(lineOf("def factorial"));
    await shown.expectVariable("n", "6");
    await shown.press("n", "n");
    expect((await shown.where()).line).toBe(lineOf("smaller = factorial(n - 1)"));
    await shown.press("i", "i", "i");
    await shown.expectVariable("n", "5");
    await shown.press("O");
    expect((await shown.where()).line).toBe(lineOf("smaller = factorial(n - 1)"));
    await shown.expectVariable("n", "6");
    // Over the whole recursion, and back over it.
    expect((await shown.press("n")).line).toBe(lineOf("return n * smaller"));
    await shown.expectVariable("smaller", "120");
    expect((await shown.press("p")).line).toBe(lineOf("smaller = factorial(n - 1)"));
    // Out: into the caller, after the call.
    await shown.press("o");
    await shown.expectVariable("result", "720");
    const back = await shown.press("I");
    expect(back).toMatchObject({ kind: "return", line: lineOf("return n * smaller") });
    await shown.close();
  });

  test("a generator: over a yield to whoever runs next, and back", async () => {
    const shown = await Shown.open(browser, "test_generator-1");
    const loop = lineOf("for value in squares(4)");
    await shown.clickLine(lineOf("seen.append(value)"));
    await shown.press("[", "[");
    await shown.expectVariable("value", "1");
    const at = await shown.where();
    const given = await shown.press("I");
    expect(given).toMatchObject({ kind: "yield", line: lineOf("yield square") });
    await shown.expectGhost(given.line, "# yield 1");
    expect(await shown.press("n")).toMatchObject({ n: at.n });
    await shown.press("I", "p");
    await shown.expectVariable("square", "1");
    expect((await shown.press("O")).line).toBe(loop);
    await shown.page.keyboard.press("o");
    await expect.poll(() => shown.says()).toContain("no such moment");
    await shown.close();
  });

  test("asyncio: over an await, and out of a coroutine", async () => {
    const shown = await Shown.open(browser, "test_asyncio-1");
    expect((await shown.where()).line).toBe(lineOf('assert joined == "BA"'));
    await shown.press("g", "/");
    await shown.page.keyboard.type("fn:fetch");
    await expect.poll(() => shown.page.locator("#results [role=option]").count()).toBe(2);
    await shown.page.locator("#results [role=option]").first().click();
    expect(await shown.where()).toMatchObject({ kind: "call", line: lineOf("async def fetch") });
    await shown.expectVariable("name", "'a'");
    await shown.page.locator("#tree").focus();
    expect((await shown.press("n")).line).toBe(lineOf("await asyncio.sleep(delay)"));
    const given = await shown.press("n");
    expect(given).toMatchObject({ kind: "yield", line: lineOf("await asyncio.sleep(delay)") });
    await shown.press("n");
    await shown.expectVariable("name", "'b'");
    await shown.page.locator("#results [role=option]").first().click();
    await shown.page.locator("#tree").focus();
    await shown.press("n", "o");
    await shown.expectVariable("name", "'b'");
    await shown.close();
  });

  test("an exception chain: exceptions, output, callers, and where each one went", async () => {
    const shown = await Shown.open(browser, "test_exception_chain-1");
    const first = await shown.where();
    expect(first).toMatchObject({ kind: "raise", line: lineOf("raise Refused") });
    expect(await shown.page.locator("header .error").textContent()).toContain("Refused: no port");
    expect(await shown.press("E")).toMatchObject({ kind: "raise", line: lineOf('return settings["port"]') });
    await shown.page.keyboard.press("E");
    await expect.poll(() => shown.says()).toContain("No earlier exception");
    expect((await shown.press("e")).line).toBe(first.line);
    const rows = await shown.page.locator("#exceptions [role=option]").allTextContents();
    expect(rows[0]).toMatch(/KeyError.*handled in read/);
    expect(rows[1]).toMatch(/Refused.*the failure/);
    // Output and logs, tied to the lines that wrote them.
    expect(await shown.press("w")).toMatchObject({ kind: "output", line: lineOf('print("refused"') });
    expect(await shown.press("W")).toMatchObject({ kind: "log", line: lineOf('.warning("starting")') });
    await shown.page.locator("#tab-output").click();
    await expect.poll(async () => (await shown.page.locator("#output [role=option]").allTextContents()).join("|")).toMatch(/WARNING shop.*starting.*stderr.*refused/);
    await shown.press("f");
    expect((await shown.where()).n).toBe(first.n);
    // A caller at the same moment.
    await shown.page.locator(".stack button", { hasText: "test_exception_chain" }).click();
    await shown.expectVariable("settings", "{'host': 'localhost', 'token': <redacted str>}");
    await shown.expectVariable("password", "<redacted str>");
    expect(await shown.page.locator("header .badge").allTextContents()).toContain("redacted");
    expect((await shown.where()).n).toBe(first.n);
    await shown.close();
  });
});

describe("a reader finds", () => {
  test("where a value came from, through copies, returns and arguments", async () => {
    const shown = await Shown.open(browser, "test_origin-1");
    await shown.page.locator('.values > li[data-name="chosen"] button.name').click();
    const hops = shown.page.locator(".hops li");
    await expect.poll(async () => (await hops.allTextContents()).map((text) => text.replace(/^\S+:/, ""))).toEqual([
      `${lineOf("chosen = lowest")} chosen assigned in test_origin`,
      `${lineOf("lowest = cheapest(copied)")} lowest assigned in test_origin`,
      `${lineOf("return best")} returned by cheapest`,
      `${lineOf("best = min(prices)")} best assigned in cheapest`,
    ]);
    // A click on a value goes to where it came from.
    const before = await shown.where();
    await shown.page.locator('.values > li[data-name="lowest"] button.value').click();
    await expect.poll(async () => (await shown.where()).line).toBe(lineOf("lowest = cheapest(copied)"));
    await shown.press("f");
    expect(await shown.where()).toEqual(before);
    await hops.filter({ hasText: "returned by cheapest" }).locator("button").click();
    await expect.poll(() => shown.where()).toMatchObject({ kind: "return", line: lineOf("return best") });
    await shown.press("p", "p");
    await shown.page.locator('.values > li[data-name="prices"] button.name').click();
    await expect.poll(async () => (await hops.allTextContents()).map((text) => text.replace(/^\S+:\d+ /, ""))).toEqual([
      "argument prices of cheapest", "copied assigned in test_origin", "prices assigned in test_origin",
    ]);
    await shown.close();
  });

  test("the parts of a value", async () => {
    const shown = await Shown.open(browser, "test_origin-1");
    const basket = shown.page.locator('.values > li[data-name="basket"]');
    expect(await shown.variable("basket")).toBe("Basket(items=['tea'])");
    await basket.locator("button.twist").first().click();
    expect(await basket.locator(".inner").textContent()).toContain("items");
    await shown.clickLine(lineOf('basket.add("tea")'));
    await shown.press("n");
    await shown.expectGhost(lineOf('basket.add("tea")'), "# basket.items[0] = 'tea'");
    await shown.close();
  });

  test("who changed an object, by its number", async () => {
    const shown = await Shown.open(browser, "test_origin-1");
    const basket = shown.page.locator('.values > li[data-name="basket"]');
    await basket.locator("button.twist").first().click();
    const number = basket.locator(".inner button.number").first();
    const name = await number.textContent();
    await number.click();
    const changes = basket.locator(".inner .object-details li");
    await expect.poll(() => changes.allTextContents()).toEqual([
      expect.stringContaining("first seen in"), expect.stringMatching(/changed by (Basket\.)?add .*\[0\] = 'tea'/),
    ]);
    expect(await basket.locator(".object-details h3").textContent()).toMatch(`list ${name} 1 change`);
    await changes.last().locator("button").click();
    await expect.poll(async () => (await shown.where()).file).toContain("test_stories.py");
    await shown.close();
  });

  test.each([
    ["fn:read", 1], ["var:port", 0], ["val:localhost", 3], ["exc:Refused", 1], ["out:refused", 1], ["fn:read exc:KeyError", 1],
    ["line:test_stories.py:1", 0], ["file:stories fn:start", 1], ['out:"starting"', 1], ["no such text anywhere", 0],
  ])("what was recorded by %s", async (query, count) => {
    const shown = await Shown.open(browser, "test_exception_chain-1");
    await shown.page.keyboard.press("/");
    await shown.page.locator("#search").fill(query);
    await expect.poll(() => shown.page.locator("#search-note").textContent()).toMatch(/result/);
    const found = await shown.page.locator("#results [role=option]").count();
    if (count === 0) expect(found).toBe(0);
    else expect(found).toBeGreaterThanOrEqual(count);
    await shown.close();
  });

  test("calls by a filter, with their callers", async () => {
    const shown = await Shown.open(browser, "test_exception_chain-1");
    await shown.page.locator("#filter").fill("read");
    await expect.poll(async () => (await shown.page.locator("#tree [role=treeitem] .name").allTextContents()).join(" ")).toBe("test_exception_chain start read");
    await shown.page.locator("#filter").fill("nothing like it");
    await expect.poll(() => shown.page.locator("#tree").textContent()).toBe("No call matches.");
    await shown.close();
  });

  test("why something was not recorded", async () => {
    const shown = await Shown.open(browser, "test_loop-1");
    await shown.page.keyboard.press("r");
    const text = await shown.page.locator("#panel").textContent();
    for (const part of ["What was not recorded, and why", "depth=3", "engine", "Python", "level"]) expect(text).toContain(part);
    await shown.close();
  });

  test("the keys by ?, and can turn them off", async () => {
    const shown = await Shown.open(browser, "test_loop-1");
    const at = await shown.where();
    await shown.page.keyboard.press("?");
    const dialog = shown.page.locator("dialog");
    await expect.poll(() => dialog.isVisible()).toBe(true);
    await dialog.locator("input").uncheck();
    await shown.page.keyboard.press("Escape");
    await expect.poll(() => dialog.isVisible()).toBe(false);
    await shown.page.keyboard.press("p");
    expect(await shown.where()).toEqual(at);
    await shown.close();
  });

  test("the way with the keyboard alone", async () => {
    const shown = await Shown.open(browser, "test_recursion-1");
    const before = await shown.where();
    await shown.press("t", "ArrowRight", "ArrowDown", "Enter");
    expect((await shown.where()).kind).toBe("call");
    await shown.press("s", "Home", "ArrowDown");
    await shown.press("d", "ArrowRight");
    expect(await shown.page.locator('[role=tab][aria-selected="true"]').textContent()).toContain("Output");
    await shown.press("f");
    expect(await shown.where()).toEqual(before);
    // Every element that Tab reaches shows that it has the focus.
    for (let at = 0; at < 40; at++) {
      await shown.page.keyboard.press("Tab");
      const outline = await shown.page.evaluate(() => {
        const active = document.activeElement!;
        return active === document.body ? "none needed" : getComputedStyle(active).outlineStyle;
      });
      expect(outline).not.toBe("none");
    }
    await shown.close();
  });

  test("more by pointing: hovering peeks, clicking goes", async () => {
    const shown = await Shown.open(browser, "test_recursion-1");
    const before = await shown.where();
    const strip = shown.page.locator(".strip");
    await strip.hover({ position: { x: 300, y: 30 } });
    await expect.poll(() => shown.page.locator(".tip").textContent()).toContain("factorial");
    expect(await shown.where()).toEqual(before);
    await strip.click({ position: { x: 300, y: 30 } });
    expect((await shown.where()).n).not.toBe(before.n);
    await shown.press("+", "+");
    expect(await shown.page.locator(".legend").textContent()).not.toContain("events 0 to");
    await shown.press("0");
    expect(await shown.page.locator(".legend").textContent()).toContain("events 0 to");
    await shown.close();
  });
});

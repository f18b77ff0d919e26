// What was recorded is text, whatever it looks like; and nobody is left out.
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { axeFindings, launch, lineOf, Shown } from "./browser";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

test("hostile text in every place is shown as text", async () => {
  const shown = await Shown.open(browser, "test_hostile-1");
  const { page } = shown;
  const looks = async (): Promise<void> => {
    expect(await page.locator("img, b:has(script), u, iframe, a[href^='javascript']").count()).toBe(0);
    expect(await page.evaluate(() => document.querySelectorAll("script:not([type])").length)).toBe(1);
    const text = await page.evaluate(() => document.body.innerText);
    expect(text).not.toMatch(/[\x00-\x08\x0b-\x1f\u2028\u2029\u202e]/);
  };
  expect(await page.locator("header .error").textContent()).toContain("</script><u>Bad");
  expect(await page.locator("header .error").textContent()).toContain("</script><!-- \\u2028 javascript:alert(1) \\x1b[31m<img");
  await looks();
  for (const name of ["got", "odd"]) {
    await page.locator(`.values > li[data-name="${name}"] button.twist`).first().click();
    await page.locator(`.values > li[data-name="${name}"] button.name`).first().click();
    await looks();
  }
  expect(await page.locator('.values > li[data-name="got"] .inner').textContent()).toContain("'__proto__'1");
  for (const tab of ["exceptions", "output", "line", "text", "recorder"]) {
    await page.locator(`#tab-${tab}`).click();
    await looks();
  }
  await page.keyboard.press("/");
  await page.locator("#search").fill("javascript");
  await expect.poll(() => page.locator("#results [role=option]").count()).toBeGreaterThan(2);
  await looks();
  await page.locator("#search").fill("var:__proto__");
  await expect.poll(() => page.locator("#search-note").textContent()).toMatch(/result/);
  await page.locator("#tree").focus();
  await shown.press("g");
  while (!(await shown.says())?.includes("no such moment")) {
    await page.keyboard.press("i");
    await looks();
  }
  await shown.clickLine(lineOf("got = takes(", "def test_hostile"));
  await shown.press("i");
  await looks();
  for (const text of [await page.title(), await page.locator("header h1").textContent()]) {
    expect(text).toContain("test_hostile[</script><!-- javascript:alert(1) <img src=x onerror=alert(1)>]");
  }
  await page.keyboard.press("r");
  expect(await page.locator("#panel").textContent()).toContain("MainThread, </script><!-- \\u2028 javascript");
  await shown.close();
});

test("a page whose objects all hold each other is looked at without waiting", async () => {
  const shown = await Shown.open(browser, "mesh");
  const { page } = shown;
  await expect.poll(() => page.locator('.values > li[data-name="x"]').count()).toBe(1);
  const values = async (): Promise<string> => (await page.locator(".values").first().textContent())!;
  const seen = new Set<string>();
  for (let step = 0; step < 10; step++) {
    await page.keyboard.press("I");
    seen.add(await values());
  }
  expect([...seen].every((text) => text.includes("more than a reader holds at once"))).toBe(true);
  await page.locator('.values > li[data-name="x"] button.name').first().click();
  await expect.poll(() => page.locator(".history li").count()).toBeGreaterThan(10);
  await page.keyboard.press("/");
  await page.locator("#search").fill("val:nothing");
  await expect.poll(() => page.locator("#search-note").textContent()).toBe("0 results");
  await shown.close();
}, 30_000);

describe.each([
  ["light", 1400, ["test_loop-1", "test_recursion-1", "test_exception_chain-1", "test_hostile-1", "excerpt"]],
  ["dark", 1400, ["test_exception_chain-1"]],
  ["light", 640, ["test_exception_chain-1"]],
] as const)("axe-core finds nothing, %s, %i pixels wide", (colorScheme, width, names) => {
  test.each(names)("in %s", async (name) => {
    // The policy of the page holds for us too: axe is brought in from outside of it.
    const context = { colorScheme, viewport: { width, height: 900 }, bypassCSP: true };
    const shown = await Shown.open(browser, name, { context });
    const check = async (): Promise<void> => expect(await axeFindings(shown.page)).toEqual([]);
    await check();
    for (const tab of ["output", "search", "line", "text", "recorder"]) {
      await shown.page.locator(`#tab-${tab}`).click();
      if (tab === "search") await shown.page.locator("#search").fill("1");
      await shown.page.waitForTimeout(50);
      await check();
    }
    await shown.page.locator("button.name").first().click();
    await check();
    await shown.page.evaluate(() => (document.activeElement as HTMLElement).blur());
    await shown.page.keyboard.press("?");
    await check();
    await shown.page.close();
  });
});

test("at 200 percent nothing is cut off sideways", async () => {
  const shown = await Shown.open(browser, "test_exception_chain-1", { context: { viewport: { width: 640, height: 450 } } });
  const wide = await shown.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(wide).toBeLessThanOrEqual(0);
  await shown.close();
});

test("with reduced motion nothing moves by itself", async () => {
  const shown = await Shown.open(browser, "test_loop-1", { context: { reducedMotion: "reduce" } });
  const moving = await shown.page.evaluate(() => Array.from(document.querySelectorAll("*"))
    .filter((element) => {
      const style = getComputedStyle(element);
      return !["0s", ""].includes(style.transitionDuration) || style.animationName !== "none";
    }).length);
  expect(moving).toBe(0);
  await shown.close();
});

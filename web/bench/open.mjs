// Opens a page some times in a browser and prints, as JSON, how long that takes and how it scrolls.
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";

import { chromium } from "playwright-core";

const [path, rounds] = process.argv.slice(2);
const SCROLL_MS = 2000;

function executable() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  for (const place of process.env.PATH.split(delimiter)) {
    for (const name of ["chromium", "chromium-browser", "google-chrome"]) if (existsSync(join(place, name))) return join(place, name);
  }
  throw new Error("no Chromium found");
}

const median = (numbers) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({ executablePath: executable(), args });
const all = { open_s: [], open_cpu_s: [], fps: [], frame_cpu_ms: [], step_ms: [] };
let rows = 0;
for (let round = 0; round < Number(rounds); round++) {
  const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
  const session = await page.context().newCDPSession(page);
  const cpu = async () => (await session.send("Performance.getMetrics")).metrics.find((one) => one.name === "TaskDuration").value;
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  // The moment at which the failing line is in the page, told by the page itself.
  await page.addInitScript(() => {
    const look = () => {
      if (document.querySelector(".code .row.current .ghost.bad") && document.querySelector(".values .value")) performance.mark("drawn");
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
  await page.goto(pathToFileURL(path).href);
  await page.waitForFunction(() => performance.getEntriesByName("drawn").length > 0, null, { timeout: 120_000, polling: 100 });
  all.open_s.push((await page.evaluate(() => performance.getEntriesByName("drawn")[0].startTime)) / 1000);
  all.open_cpu_s.push(await cpu());
  // A line of the loop, which ran once for each round.
  await page.locator("#filter").fill("price");
  await page.locator("#tree [role=treeitem]").last().click();
  await page.keyboard.press("n");
  await page.locator("#tab-line").click();
  await page.waitForSelector("#executions");
  const step = await page.evaluate(async () => {
    const began = performance.now();
    document.querySelector('[data-move="over"]').click();
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    return performance.now() - began;
  });
  all.step_ms.push(step);
  const before = await cpu();
  const scrolled = await page.evaluate(async (ms) => {
    const list = document.querySelector("#executions");
    const count = list.querySelector(".rows").clientHeight / 22;
    list.scrollTop = 0;
    const began = performance.now();
    let frames = 0;
    while (performance.now() - began < ms) {
      await new Promise(requestAnimationFrame);
      list.scrollTop += 120;
      frames++;
    }
    return { frames, seconds: (performance.now() - began) / 1000, count };
  }, SCROLL_MS);
  rows = Math.round(scrolled.count);
  all.fps.push(scrolled.frames / scrolled.seconds);
  all.frame_cpu_ms.push((((await cpu()) - before) * 1000) / scrolled.frames);
  await page.close();
}
const found = Object.fromEntries(Object.entries(all).map(([name, numbers]) => [name, median(numbers)]));
process.stdout.write(JSON.stringify({ ...found, rows, browser: `Chromium ${browser.version()}` }));
await browser.close();

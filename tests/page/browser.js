// Chromium, and tabs in it that notice what must never happen: an error in the console, a breach of the page's
// policy, a request to another origin.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { chromium } from 'playwright-core';

/** How long anything may take, in milliseconds. */
const PATIENCE = 20_000;

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A browser with a profile of its own, which is thrown away with it. */
export async function launch() {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: flags });
  return { tab: (url, options) => tab(browser, url, options), close: () => browser.close() };
}

/** A tab in a fresh profile, on this page. `tab.close()` fails if something happened that must not,
 *  unless a pattern in `tab.expected` knows of it. */
async function tab(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const faults = [];
  context.on('request', (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol.startsWith('http') && origin !== new URL(url).origin) faults.push(`asked ${request.url()}`);
  });
  const page = await watched(await context.newPage(), faults);
  await page.goto(url);
  const expected = [];
  const close = async () => {
    await context.close();
    assert.deepEqual(
      faults.filter((fault) => !expected.some((pattern) => pattern.test(fault))),
      [],
    );
  };
  return { page, context, close, expected, other: async () => watched(await context.newPage(), faults) };
}

async function watched(page, faults) {
  page.setDefaultTimeout(PATIENCE);
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => {
    // An answer that says no is noted by the browser whatever the page makes of it.
    const refusal = /^Failed to load resource: the server responded with a status of [45]/.test(message.text());
    if (['error', 'warning'].includes(message.type()) && !refusal) faults.push(message.text());
  });
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => console.error(`policy: ${event.violatedDirective}`));
    window.shifted = 0;
    const add = (list) => list.getEntries().forEach((entry) => (window.shifted += entry.hadRecentInput ? 0 : entry.value));
    new PerformanceObserver(add).observe({ type: 'layout-shift', buffered: true });
  });
  return page;
}

/** Waits until `look` gives something true, and gives that. */
export async function eventually(look, what = look.toString()) {
  const until = Date.now() + PATIENCE;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (Date.now() > until) assert.fail(`did not come true: ${what}`);
    await sleep(25);
  }
}

/** Draws and waits for the picture. */
export async function draw(page, prompt, more = {}) {
  await page.fill('#prompt', prompt);
  if (Object.keys(more).length) await page.evaluate(() => (document.getElementById('more').open = true));
  for (const [field, value] of Object.entries(more)) await page.fill(`#${field}`, String(value));
  await page.click('#draw');
  await drawn(page);
}

/** Waits for the end of a drawing, which must be a picture. */
export async function drawn(page) {
  await page.waitForSelector('#done:not([hidden]), #problem:not([hidden])');
  assert.equal(await page.textContent('#problem-text'), '');
}

/** The `img` of a card of the dashboard, by the name of its picture: other cards stand there until it comes. */
export const thumbnail = (page, name) => page.locator(`.card:has(h3:text-is("${name}")) img`);

/** The colour of a picture at a place, given in shares of its sides. Waits until it is loaded. */
export async function colour(picture, x, y) {
  await eventually(() => picture.evaluate((image) => image.naturalWidth > 0), 'the picture is loaded');
  return picture.evaluate(
    async (image, [x, y]) => {
      await image.decode();
      const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
      const context = canvas.getContext('2d');
      context.drawImage(image, 0, 0);
      const at = [x * image.naturalWidth, y * image.naturalHeight].map(Math.floor);
      return [...context.getImageData(...at, 1, 1).data.slice(0, 3)];
    },
    [x, y],
  );
}

/** The bytes of the newest picture, as the API gives them. */
export async function newestBytes(page) {
  const url = new URL(page.url()).origin;
  const { data } = await (await page.request.get(`${url}/v1/images?take=1`)).json();
  return (await page.request.get(`${url}/v1/images/${data[0].id}/download`)).body();
}

/** Writes down what an element's text, attribute or property is, each time it changes. `history()` reads it. */
export async function record(page, selector, of) {
  const name = `history_${Math.random().toString(36).slice(2)}`;
  await page.$eval(
    selector,
    (element, [name, of]) => {
      const values = (window[name] = []);
      const note = () => values.at(-1) !== element[of] && values.push(element[of]);
      new MutationObserver(note).observe(element, { attributes: true, childList: true, characterData: true, subtree: true });
    },
    [name, of],
  );
  return () => page.evaluate((name) => window[name], name);
}

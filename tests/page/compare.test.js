// Before and after: a slider over the init picture and what was drawn from it.

import assert from 'node:assert/strict';
import test, { after, afterEach, before } from 'node:test';

import { draw, drawn, eventually, launch } from './browser.js';
import { halves, sent, take } from './over.js';
import { serve } from './server.js';

const phone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
const prompt = 'a green circle on a yellow background';
let server, browser, tab, page;

before(async () => ([server, browser] = await Promise.all([serve(), launch()])));
afterEach(() => tab?.close());
after(() => Promise.all([browser?.close(), server?.close()]));

async function begin(options) {
  tab = await browser.tab(server.url, options);
  page = tab.page;
  await take(page, halves(192, 128));
  await sent(page, prompt);
  await drawn(page);
  await page.click('#compare');
  await page.waitForSelector('#before:not([hidden])');
}

const value = () => page.inputValue('#split').then(Number);

// What is seen at a place of the frame, given in shares of it.
async function seen(x, y) {
  const { x: left, y: top, width, height } = await page.locator('#frame').boundingBox();
  const clip = { x: Math.floor(left + x * width), y: Math.floor(top + y * height), width: 1, height: 1 };
  const png = (await page.screenshot({ clip })).toString('base64');
  return page.evaluate(async (png) => {
    const image = new Image();
    image.src = `data:image/png;base64,${png}`;
    await image.decode();
    const context = new OffscreenCanvas(1, 1).getContext('2d');
    context.drawImage(image, 0, 0);
    return [...context.getImageData(0, 0, 1, 1).data.slice(0, 3)];
  }, png);
}

const isInit = ([red, green, blue]) => (red > 180 && green < 80) || (blue > 160 && green < 90);

test('on the left of the slider is the init picture, on the right what was drawn from it', async () => {
  await begin();
  assert.equal(await page.evaluate(() => document.activeElement.id), 'split');
  assert.equal(await page.getAttribute('#compare', 'aria-pressed'), 'true');
  const [left, right] = [await seen(0.2, 0.15), await seen(0.8, 0.15)];
  assert.ok(isInit(left), `${left} on the left`);
  assert.ok(!isInit(right), `${right} on the right`);
  await page.click('#compare');
  assert.equal(await page.isVisible('#before'), false);
  assert.ok(!isInit(await seen(0.2, 0.15)));
});

test('the slider goes by mouse', async () => {
  await begin();
  const { x, y, width, height } = await page.locator('#frame').boundingBox();
  await page.mouse.move(x + width / 2, y + height / 2);
  await page.mouse.down();
  await page.mouse.move(x + width * 0.8, y + height / 2, { steps: 4 });
  await page.mouse.up();
  assert.ok(Math.abs((await value()) - 80) <= 2, `it stands at ${await value()}`);
  assert.ok(isInit(await seen(0.7, 0.15)));
});

test('the slider goes by keyboard, and says how far', async () => {
  await begin();
  await page.keyboard.press('Home');
  assert.equal(await value(), 0);
  assert.ok(!isInit(await seen(0.05, 0.15)));
  await page.keyboard.press('ArrowRight');
  assert.equal(await page.getAttribute('#split', 'aria-valuetext'), '1 % init picture');
  await page.keyboard.press('End');
  assert.ok(isInit(await seen(0.95, 0.15)));
});

test('the slider goes by finger', async () => {
  await begin(phone);
  await page.locator('#frame').scrollIntoViewIfNeeded();
  const { x, y, width, height } = await page.locator('#frame').boundingBox();
  const client = await tab.context.newCDPSession(page);
  const touch = (type, share) =>
    client.send('Input.dispatchTouchEvent', {
      type,
      touchPoints: share === null ? [] : [{ x: x + width * share, y: y + height / 2 }],
    });
  await touch('touchStart', 0.5);
  for (const share of [0.45, 0.4, 0.3, 0.25]) await touch('touchMove', share);
  await touch('touchEnd', null);
  await eventually(async () => Math.abs((await value()) - 25) <= 3, 'it stands at 25');
});

test('an extended picture lies where it was', async () => {
  tab = await browser.tab(server.url);
  page = tab.page;
  await take(page, halves(64, 64));
  await page.click('#outpaint > summary');
  await page.fill('#outpaint-left', '64');
  await sent(page, prompt);
  await drawn(page);
  await page.click('#compare');
  await page.keyboard.press('End');
  assert.ok(!isInit(await seen(0.45, 0.2)), 'nothing was there before');
  const [left, right] = [await seen(0.6, 0.2), await seen(0.9, 0.2)];
  assert.ok(left[0] > 180 && right[2] > 160, `${left} and ${right}`);
});

test('there is nothing to compare without an init picture', async () => {
  tab = await browser.tab(server.url);
  page = tab.page;
  await draw(page, prompt, { width: 64, height: 64 });
  assert.equal(await page.isVisible('#compare'), false);
  await page.locator('.card [data-act=Show]').first().click();
  assert.equal(await page.isVisible('#compare'), false);
});

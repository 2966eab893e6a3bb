// The mask: painted by mouse, finger and keyboard, it arrives as a PNG of the picture's size, white where it was painted.

import assert from 'node:assert/strict';
import test, { after, afterEach, before } from 'node:test';

import { drawn, eventually, launch } from './browser.js';
import { halves, read, sent, take } from './over.js';
import { real, serve } from './server.js';

const phone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
const white = [255, 255, 255];
const black = [0, 0, 0];
let server, browser, tab, page;

before(async () => ([server, browser] = await Promise.all([serve(), launch()])));
afterEach(() => tab?.close());
after(() => Promise.all([browser?.close(), server?.close()]));

// A tab with an init picture, and the dialog open on it.
async function begin(options, [width, height] = [256, 192]) {
  tab = await browser.tab(server.url, options);
  page = tab.page;
  await take(page, halves(width, height));
  await page.click('#mask-open');
  await page.waitForSelector('#mask-dialog[open]');
}

// A place on the screen, given in shares of the picture.
async function spot(x, y) {
  const { x: left, y: top, width, height } = await page.locator('#mask-canvas').boundingBox();
  return [left + x * width, top + y * height];
}

async function stroke(from, to) {
  await page.mouse.move(...(await spot(...from)));
  await page.mouse.down();
  await page.mouse.move(...(await spot(...to)), { steps: 8 });
  await page.mouse.up();
}

async function press(...keys) {
  for (const key of keys) await page.keyboard.press(key);
}

const status = () => page.textContent('#mask-dialog [role=status]');
const said = (pattern) => eventually(async () => pattern.test(await status()), `said ${pattern}`);

async function arrived() {
  await page.click('#mask-done');
  await page.waitForSelector('#mask-dialog', { state: 'hidden' });
  const asked = await sent(page);
  await drawn(page);
  return { asked, mask: asked.mask && (await read(page, asked.mask)) };
}

test('what a mouse paints is white, in a picture of the same size', async () => {
  await begin();
  await stroke([0.25, 0.5], [0.75, 0.5]);
  await said(/\d+ % of the picture is masked/);
  const { asked, mask } = await arrived();
  assert.deepEqual([mask.width, mask.height], [256, 192]);
  for (const x of [64, 128, 190]) assert.deepEqual(mask.at(x, 96), white, `at ${x}`);
  for (const [x, y] of [[10, 96], [246, 96], [128, 20], [128, 170]]) assert.deepEqual(mask.at(x, y), black, `at ${x}, ${y}`);
  assert.deepEqual([asked.strength, asked.mask_blur, asked.only_masked], [1, 4, undefined]);
});

test('a finger paints, and the page does not scroll under it', async () => {
  await begin(phone);
  const client = await tab.context.newCDPSession(page);
  const touch = async (type, at) => {
    const touchPoints = at ? [{ x: at[0], y: at[1] }] : [];
    await client.send('Input.dispatchTouchEvent', { type, touchPoints });
  };
  await touch('touchStart', await spot(0.5, 0.2));
  for (let step = 1; step <= 6; step++) await touch('touchMove', await spot(0.5, 0.2 + step / 10));
  await touch('touchEnd');
  await said(/is masked/);
  assert.equal(await page.$eval('#mask-dialog', (dialog) => dialog.scrollTop), 0);
  const { mask } = await arrived();
  for (const y of [40, 96, 150]) assert.deepEqual(mask.at(128, y), white, `at ${y}`);
  assert.deepEqual(mask.at(20, 96), black);
});

test('the keyboard paints: arrows move the brush, Space puts it down and lifts it', async () => {
  await begin();
  assert.equal(await page.evaluate(() => document.activeElement.id), 'mask-canvas');
  await press('ArrowUp');
  await said(/^Brush at 50 % from the left, 4[0-9] % from the top\.$/);
  await press('ArrowDown', 'Space');
  await said(/^Painting at 50 % from the left, 50 % from the top\.$/);
  await press('Shift+ArrowRight', 'Shift+ArrowRight');
  await press('Space');
  await said(/^Brush lifted\. \d+ % of the picture is masked\.$/);
  await press('Shift+ArrowUp', 'Shift+ArrowUp');
  const { mask } = await arrived();
  for (const x of [128, 160, 200]) assert.deepEqual(mask.at(x, 96), white, `at ${x}`);
  for (const [x, y] of [[60, 96], [200, 20]]) assert.deepEqual(mask.at(x, y), black, `at ${x}, ${y}`);
});

test('the brush has a size, by slider and by key', async () => {
  await begin();
  const width = async () => (await page.locator('#brush').boundingBox()).width;
  await press('ArrowLeft');
  const usual = await width();
  await press(']', ']');
  await said(/^Brush size 20\.$/);
  const larger = await width();
  assert.ok(larger > usual * 1.3, `${usual} and then ${larger}`);
  await page.fill('#brush-size', '50');
  await stroke([0.5, 0.5], [0.5, 0.5]);
  const { mask } = await arrived();
  // Half of the 192 pixels of the shorter side.
  assert.deepEqual([mask.at(128, 52), mask.at(128, 44)], [white, black]);
});

test('what is painted can be erased, undone and cleared', async () => {
  await begin();
  await stroke([0.2, 0.5], [0.8, 0.5]);
  await page.click('text=Erase');
  await stroke([0.5, 0.3], [0.5, 0.7]);
  await page.click('#mask-clear');
  await said(/The mask is empty/);
  await page.click('#mask-undo');
  await said(/^Undone\. \d+ % of/);
  const { mask } = await arrived();
  assert.deepEqual([mask.at(60, 96), mask.at(128, 96), mask.at(196, 96)], [white, black, white]);
  assert.match(await page.textContent('#mask-facts'), /^\d+ % of it is masked$/);

  await page.click('#mask-open');
  await page.focus('#mask-canvas');
  await press('z', 'z');
  await said(/^Undone\. 0 % of/);
  await press('Control+z');
  await said(/nothing to undo/);
  const { asked } = await arrived();
  assert.equal(asked.mask, undefined, 'an empty mask is none');
  assert.equal(await page.textContent('#mask-facts'), '');
});

test('Escape keeps what was painted, and leads back to where it was opened', async () => {
  await begin();
  await stroke([0.4, 0.5], [0.6, 0.5]);
  await press('Escape');
  await page.waitForSelector('#mask-dialog', { state: 'hidden' });
  assert.equal(await page.evaluate(() => document.activeElement.id), 'mask-open');
  // The page hears of the end of a dialog after that is gone.
  await eventually(async () => /masked$/.test(await page.textContent('#mask-facts')), 'what is masked is told');
  assert.equal(await page.textContent('#mask-open'), 'Edit the mask');
});

test('the masked part can be drawn alone, with padding', async () => {
  await begin();
  await stroke([0.4, 0.5], [0.6, 0.5]);
  await page.click('#mask-done');
  await page.check('#closer');
  await page.fill('#only_masked', '16');
  await page.fill('#mask_blur', '0');
  const asked = await sent(page);
  await drawn(page);
  assert.deepEqual([asked.only_masked, asked.mask_blur], [16, undefined]);
});

test('a new picture has no mask of the old one', async () => {
  await begin();
  await stroke([0.4, 0.5], [0.6, 0.5]);
  await page.click('#mask-done');
  await take(page, halves(64, 64, 'another.png'));
  assert.equal((await sent(page)).mask, undefined);
  await drawn(page);
});

test('what is transparent in a picture can be the mask', async () => {
  tab = await browser.tab(server.url);
  page = tab.page;
  const base64 = await page.evaluate(() => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [64, 64];
    canvas.getContext('2d').fillRect(0, 0, 32, 64);
    return canvas.toDataURL().split(',')[1];
  });
  await take(page, { name: 'holes.png', mimeType: 'image/png', buffer: Buffer.from(base64, 'base64') });
  await page.check('#mask-alpha');
  assert.equal((await sent(page)).mask, 'alpha');
  await drawn(page);
});

test('outside the mask the server gives back what it was given', { skip: !real }, async () => {
  await begin({}, [128, 128]);
  await stroke([0.7, 0.7], [0.8, 0.8]);
  await page.click('#mask-done');
  await page.fill('#mask_blur', '0');
  await sent(page, 'a yellow star on a green background');
  await drawn(page);
  const source = await page.getAttribute('#result', 'src');
  const { at } = await read(page, source);
  for (const [x, y] of [[0, 0], [30, 30], [63, 20], [64, 20], [127, 5], [10, 120]]) {
    assert.deepEqual(at(x, y), x < 64 ? [220, 40, 40] : [30, 60, 200], `at ${x}, ${y}`);
  }
  assert.notDeepEqual(at(96, 96), [30, 60, 200], 'inside it something was drawn');
});

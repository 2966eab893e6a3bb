// Init pictures: how they come to the page, how they are sent, and what is refused.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after, afterEach, before, beforeEach } from 'node:test';

import { colour, draw, drawn, eventually, launch, thumbnail } from './browser.js';
import { sizeOf } from './mock.js';
import { halves, read, sent, take, transfer } from './over.js';
import { serve } from './server.js';

let server, browser, tab, page;

before(async () => ([server, browser] = await Promise.all([serve(), launch()])));
beforeEach(async () => ({ page } = tab = await browser.tab(server.url)));
afterEach(() => tab.close());
after(() => Promise.all([browser?.close(), server?.close()]));

const open = (id) => page.evaluate((id) => (document.getElementById(id).open = true), id);
const focused = () => page.evaluate(() => document.activeElement.id);
const said = (pattern) => eventually(async () => pattern.test(await page.textContent('#announcer')), `said ${pattern}`);
const isRed = ([red, , blue]) => red > 180 && blue < 80;
const isBlue = ([red, , blue]) => blue > 160 && red < 80;

test('a picture that is chosen is sent as it is, and drawn over in its size', async () => {
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.click('#init-choose')]);
  await chooser.setFiles(halves(192, 128, 'a holiday.png'));
  await page.locator('#init-name', { hasText: 'a holiday.png' }).waitFor();
  await said(/The init picture is a holiday\.png, 192 × 128/);
  assert.equal(await focused(), 'mask-open', 'the focus goes on to what can be done with it');
  const asked = await sent(page);
  const { width, height, at } = await read(page, asked.image);
  assert.deepEqual([width, height, at(95, 64), at(96, 64)], [192, 128, [220, 40, 40], [30, 60, 200]]);
  assert.equal(asked.strength, 0.75);
  for (const absent of ['width', 'height', 'fit', 'mask', 'outpaint']) assert.equal(asked[absent], undefined, absent);
  await drawn(page);
  assert.match(await page.textContent('#facts'), / 192 × 128 /);
});

test('a picture that is dropped anywhere on the page is taken', async () => {
  const data = await transfer(page, halves(64, 64, 'dropped.png'));
  await page.dispatchEvent('#frame', 'dragover', { dataTransfer: data });
  assert.ok(await page.$eval('#init', (section) => section.classList.contains('over')), 'the page shows that it would take it');
  await page.dispatchEvent('#frame', 'drop', { dataTransfer: data });
  await page.locator('#init-name', { hasText: 'dropped.png' }).waitFor();
  assert.equal(await page.$eval('#init', (section) => section.classList.contains('over')), false);
});

test('a picture that is pasted is taken, but text that is pasted stays text', async () => {
  const paste = (selector, data) =>
    page.$eval(
      selector,
      (target, clipboardData) =>
        target.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true })),
      data,
    );
  const both = await transfer(page, halves(64, 64, 'image.png'));
  await both.evaluate((data) => data.setData('text/plain', 'words from a text processor'));
  assert.equal(await paste('#prompt', both), true, 'left to the browser');
  assert.equal(await page.isVisible('#init-taken'), false);
  assert.equal(await paste('#prompt', await transfer(page, halves(64, 64, 'image.png'))), false);
  await page.locator('#init-name', { hasText: 'pasted picture' }).waitFor();
});

test('a picture larger than is drawn is scaled down before it is sent, and that is said', async () => {
  await take(page, halves(4096, 1024, 'panorama.png'));
  assert.equal(await page.textContent('#init-facts'), '2048 × 512, scaled down from 4096 × 1024');
  assert.deepEqual(sizeOf((await sent(page)).image), [2048, 512]);
  await drawn(page);
});

test('a photograph that lies on its side is sent upright', async () => {
  const { name, mimeType } = halves(0, 0, 'upright.jpg');
  const base64 = await page.evaluate(() => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [128, 64];
    const context = canvas.getContext('2d');
    context.fillStyle = 'rgb(220 40 40)';
    context.fillRect(0, 0, 64, 64);
    context.fillStyle = 'rgb(30 60 200)';
    context.fillRect(64, 0, 64, 64);
    return canvas.toDataURL('image/jpeg', 0.95).split(',')[1];
  });
  // Orientation 6: its left side is up.
  const exif = Buffer.from('ffe100224578696600004d4d002a00000008000101120003000000010006000000000000', 'hex');
  const jpeg = Buffer.from(base64, 'base64');
  await take(page, { name, mimeType, buffer: Buffer.concat([jpeg.subarray(0, 2), exif, jpeg.subarray(2)]) });
  const { width, height, at } = await read(page, (await sent(page)).image);
  assert.deepEqual([width, height], [64, 128]);
  assert.ok(isRed(at(32, 20)) && isBlue(at(32, 108)), `${at(32, 20)} above, ${at(32, 108)} below`);
  await drawn(page);
});

test('what is no picture is answered with a sentence, and the picture before it stays', async () => {
  await take(page, halves(64, 64, 'first.png'));
  const path = join(tmpdir(), `fulmen-page-${process.pid}.txt`);
  await writeFile(path, 'these are words');
  for (const file of [path, { name: 'broken.png', mimeType: 'image/png', buffer: halves(64, 64).buffer.subarray(0, 40) }]) {
    await page.setInputFiles('#init-file', file);
    await page.locator('#init-wrong', { hasText: /“(fulmen-page-\d+\.txt|broken\.png)” is not a picture/ }).waitFor();
  }
  assert.equal(await page.textContent('#init-name'), 'first.png');
  await take(page, halves(64, 64, 'second.png'));
  assert.equal(await page.textContent('#init-wrong'), '');
});

test('a picture that is removed is not sent, and the size is as before', async () => {
  await take(page, halves(192, 128));
  assert.equal(await page.inputValue('#width'), '192');
  await page.click('#init-remove');
  assert.equal(await focused(), 'init-choose');
  assert.equal(await page.inputValue('#width'), '1024');
  const asked = await sent(page);
  assert.deepEqual([asked.image, asked.strength, asked.width], [undefined, undefined, 1024]);
  await drawn(page);
});

test('the strength is what the slider says', async () => {
  await take(page, halves(64, 64));
  await page.focus('#strength');
  for (let presses = 0; presses < 5; presses++) await page.keyboard.press('ArrowLeft');
  assert.equal(await page.textContent('#strength-value'), '0.50');
  assert.equal((await sent(page)).strength, 0.5);
  await drawn(page);
});

test('another size is drawn in, and the picture brought to it as was chosen', async () => {
  await take(page, halves(192, 128));
  await open('more');
  assert.equal(await page.isVisible('#fits'), false);
  await page.fill('#width', '128');
  await page.selectOption('#fit', 'pad');
  const asked = await sent(page);
  assert.deepEqual([asked.width, asked.height, asked.fit], [128, 128, 'pad']);
  await drawn(page);
  await page.click('#own input');
  assert.equal(await page.inputValue('#width'), '192');
});

test('pixels beyond the sides are drawn, with a strength of 1 unless another is chosen', async () => {
  await take(page, halves(64, 64));
  await page.click('#outpaint > summary');
  await page.fill('#outpaint-left', '32');
  await page.fill('#outpaint-bottom', '64');
  assert.equal(await page.textContent('#outpaint-summary'), 'to 96 × 128');
  assert.deepEqual([await page.inputValue('#width'), await page.inputValue('#height')], ['96', '128']);
  const asked = await sent(page);
  assert.deepEqual([asked.outpaint, asked.strength], [[32, 0, 0, 64], 1]);
  await drawn(page);
  assert.match(await page.textContent('#facts'), / 96 × 128 /);
});

test('the server’s sentence about a member goes to its field', async () => {
  await take(page, halves(64, 64));
  for (const [member, field, wrong] of [
    ['image', 'init-replace', null],
    ['mask', 'mask-open', null],
    ['strength', 'strength', 'true'],
    ['outpaint', 'outpaint-left', 'true'],
    ['upscale', 'upscale', 'true'],
    ['tile', 'tile', 'true'],
  ]) {
    const body = { message: `\`${member}\` is not liked`, errors: [`${member}: it is not liked`] };
    await page.route('**/imagine', (route) => route.fulfill({ status: 400, json: body }));
    await sent(page);
    await eventually(async () => (await focused()) === field, `${member} leads to ${field}`);
    assert.equal(await page.textContent('#problem-text'), `\`${member}\` is not liked.`);
    assert.equal(await page.getAttribute(`#${field}`, 'aria-invalid'), wrong);
    await page.unroute('**/imagine');
  }
});

test('a picture that was drawn can be drawn over', async () => {
  await draw(page, 'a red circle on a blue background', { name: 'the first', width: 128, height: 64 });
  await page.click('#edit');
  await page.locator('#init-name', { hasText: 'the first' }).waitFor();
  assert.equal(await page.textContent('#init-facts'), '128 × 64');
  assert.equal(await focused(), 'mask-open');
  await page.click('#init-remove');
  await page.locator('.card', { hasText: 'the first' }).locator('[data-act=Edit]').click();
  await page.locator('#init-name', { hasText: 'the first' }).waitFor();
  await eventually(async () => (await focused()) === 'mask-open', 'the focus is at the init picture');
  const drawnOver = await colour(thumbnail(page, 'the first'), 0.5, 0.5);
  const image = await read(page, (await sent(page)).image);
  assert.deepEqual(image.at(64, 32), drawnOver);
  await drawn(page);
});

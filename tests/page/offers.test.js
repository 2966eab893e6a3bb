// What servers offer more: models, LoRAs, upscaling, tiling, transparency.

import assert from 'node:assert/strict';
import test, { after, afterEach, before } from 'node:test';

import { drawn, eventually, launch, record } from './browser.js';
import { mock, model } from './mock.js';
import { sent } from './over.js';
import { serve } from './server.js';

let server, browser, tab, page;

before(async () => (browser = await launch()));
afterEach(async () => {
  await tab.close().finally(() => server.close());
});
after(() => browser?.close());

async function open(with_) {
  server = with_;
  tab = await browser.tab(server.url);
  page = tab.page;
  await eventually(() => page.textContent('#model'), 'the model’s name');
  await page.evaluate(() => (document.getElementById('more').open = true));
}

test('LoRAs that are chosen are sent with their weights', async () => {
  const server = await mock();
  server.loras = ['fox', 'ink', 'a very long name of a lora that nobody would think of but somebody did anyway'];
  await open(server);
  await page.check('text=fox');
  await page.fill('[aria-label="Weight of fox"]', '0.6');
  await page.check('text=ink');
  assert.equal(await page.isDisabled('[aria-label="Weight of ink"]'), false);
  assert.deepEqual((await sent(page)).loras, [{ name: 'fox', weight: 0.6 }, { name: 'ink', weight: 1 }]);
  await drawn(page);
  const body = { message: '`loras[1].name`: there is none of this name', errors: ['loras[1].name: there is none of this name'] };
  await page.route('**/imagine', (route) => route.fulfill({ status: 400, json: body }));
  await sent(page);
  await eventually(() => page.evaluate(() => document.activeElement.value === 'ink'), 'the complaint leads to the LoRA');
  await page.unroute('**/imagine');
  await page.uncheck('text=fox');
  await page.uncheck('text=ink');
  assert.equal((await sent(page)).loras, undefined);
  await drawn(page);
});

test('a server without LoRAs shows none', async () => {
  await open(await serve());
  assert.equal(await page.isVisible('#lora-set'), false);
  assert.equal(await page.isVisible('#models'), false, 'and one model is no choice');
});

test('of several models the one that is chosen draws', async () => {
  const server = await mock();
  server.models.push(model('sdxl-lightning', { demo: false, size: 1024, steps: 8, note: 'made for about 1024×1024' }));
  await open(server);
  assert.equal(await page.textContent('#model'), 'fulmen-demo');
  await page.selectOption('#model-choice', 'sdxl-lightning');
  assert.equal(await page.textContent('#model'), 'sdxl-lightning');
  assert.equal(await page.textContent('#own-steps'), ', 8 steps');
  assert.equal(await page.isVisible('#grammar'), false);
  assert.equal((await sent(page)).model, 'sdxl-lightning');
  await drawn(page);
});

test('a picture is upscaled as far as the server goes', async () => {
  const server = await mock();
  server.models = [model('small', { demo: true, size: 128, steps: 4, limits: { upscale: 2 }, upscaler: 'realesr-animevideov3' })];
  await open(server);
  assert.deepEqual(await page.locator('#upscale option').allTextContents(), ['No', '1.5 times', '2 times']);
  assert.equal(await page.textContent('#upscale-hint'), 'By realesr-animevideov3.');
});

test('the progress tells of tiles that are upscaled, and goes on', async () => {
  await open(await mock());
  await page.selectOption('#upscale', '2');
  const [stages, values] = [await record(page, '#stage', 'textContent'), await record(page, '#bar', 'value')];
  await sent(page);
  await drawn(page);
  assert.ok((await stages()).includes('Upscaling, tile 3 of 3'), (await stages()).join(', '));
  const known = await values();
  assert.deepEqual([...known].sort((a, b) => a - b), known);
});

test('upscaling, tiling and transparency are sent where they are chosen', async () => {
  await open(await serve());
  for (const side of ['width', 'height']) await page.fill(`#${side}`, '128');
  const plain = await sent(page);
  await drawn(page);
  for (const absent of ['upscale', 'tile', 'transparent', 'model']) assert.equal(plain[absent], undefined, absent);
  await page.selectOption('#upscale', '2');
  await page.selectOption('#tile', 'x');
  await page.check('#transparent');
  const { upscale, tile, transparent } = await sent(page);
  assert.deepEqual([upscale, tile, transparent], [2, 'x', true]);
  await drawn(page);
  assert.match(await page.textContent('#facts'), / 256 × 256 /);
});

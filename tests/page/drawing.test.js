// Drawing: what is asked, what is seen meanwhile, what comes of it.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test, { after, afterEach, before, beforeEach } from 'node:test';

import { colour, draw, drawn, eventually, launch, newestBytes, record } from './browser.js';
import { serve } from './server.js';

const prompt = 'a red circle on a blue background';
let server, browser, tab, page;

before(async () => ([server, browser] = await Promise.all([serve(), launch()])));
beforeEach(async () => ({ page } = tab = await browser.tab(server.url)));
afterEach(() => tab.close());
after(() => Promise.all([browser?.close(), server?.close()]));

const isRed = ([red, green, blue]) => red > 150 && green < 110 && blue < 110;
const isBlue = ([red, green, blue]) => blue > 130 && red < 110;

// Whether the server noticed that one caller hung up.
async function cancelled() {
  if (server.seen) return server.seen.hangUps === 1;
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  return metrics.includes('fulmen_jobs_ended_total{state="cancelled"} 1');
}

test('a prompt becomes a picture of what it says', async () => {
  await draw(page, prompt);
  assert.equal(await page.getAttribute('#result', 'alt'), prompt);
  assert.deepEqual(await page.$eval('#result', (image) => [image.naturalWidth, image.naturalHeight]), [1024, 1024]);
  const [middle, corner] = await Promise.all([0.5, 0.05].map((at) => colour(page.locator('#result'), at, at)));
  assert.ok(isRed(middle), `the middle is ${middle}`);
  assert.ok(isBlue(corner), `the corner is ${corner}`);
  assert.match(await page.textContent('#facts'), /^Seed \d+ · 1024 × 1024 · \d.* [KM]?B · [\d.]+ s$/);
  assert.equal(await page.textContent('#caption'), prompt);
});

test('what of a prompt is not read is told beside the picture', async () => {
  await draw(page, `${prompt} and more `.repeat(150));
  assert.match(await page.textContent('#warnings'), /^`prompt` is longer than 1200 tokens.*[.”]$/);
  await draw(page, prompt);
  assert.equal(await page.textContent('#warnings'), '');
});

test('the progress goes through its stages and only forwards', async () => {
  const [stages, values] = [await record(page, '#stage', 'textContent'), await record(page, '#bar', 'value')];
  await draw(page, prompt, { steps: 4 });
  const seen = await stages();
  const order = ['Step 1 of 4', 'Step 2 of 4', 'Step 3 of 4', 'Step 4 of 4', 'Decoding'].map((stage) => seen.indexOf(stage));
  assert.ok(order.every((at, i) => at >= 0 && (i === 0 || at > order[i - 1])), seen.join(', '));
  const known = await values();
  assert.ok(known.length >= 5, `the bar stood at ${known}`);
  assert.deepEqual([...known].sort((a, b) => a - b), known);
});

test('previews are shown in place of the picture, each after its step', async () => {
  const previews = await record(page, '#preview', 'src');
  await draw(page, prompt, { steps: 4 });
  const seen = (await previews()).filter((source) => source.startsWith('data:image/png;base64,'));
  assert.ok(new Set(seen).size >= 2, `${new Set(seen).size} previews`);
  assert.equal(await page.isVisible('#preview'), false);
  // The last preview of four steps shows the thing already.
  await page.$eval('#preview', (image, source) => ((image.src = source), image.decode()), seen.at(-1));
  const middle = await colour(page.locator('#preview'), 0.5, 0.5);
  assert.ok(middle[0] > middle[2], `the middle of the preview is ${middle}`);
});

test('the same seed gives the same bytes', async () => {
  await draw(page, prompt, { width: 256, height: 256 });
  const [seed] = (await page.textContent('#facts')).match(/\d+/);
  const first = await newestBytes(page);
  await page.click('#again');
  await page.waitForSelector('#done', { state: 'hidden' });
  await drawn(page);
  assert.match(await page.textContent('#facts'), new RegExp(`^Seed ${seed} `));
  assert.ok(first.equals(await newestBytes(page)));
  assert.equal(await page.inputValue('#seed'), seed);
  assert.equal(await page.isChecked('#random'), false);
});

test('another seed is drawn each time if none is chosen', async () => {
  await draw(page, prompt, { width: 64, height: 64 });
  const first = await page.textContent('#facts');
  await draw(page, prompt);
  assert.notEqual((await page.textContent('#facts')).match(/\d+/)[0], first.match(/\d+/)[0]);
});

test('a size of one’s own is drawn, and the frame has its proportions', async () => {
  await draw(page, prompt, { width: 192, height: 320 });
  assert.match(await page.textContent('#facts'), / 192 × 320 /);
  const { width, height } = await page.locator('#frame').boundingBox();
  assert.ok(Math.abs(width / height - 0.6) < 0.01, `${width} × ${height}`);
});

test('the server’s sentence about a bad size is shown, and its field is pointed out', async () => {
  await page.fill('#prompt', prompt);
  await page.click('#more > summary');
  await page.fill('#width', '1001');
  await page.click('#draw');
  await page.waitForSelector('#problem:not([hidden])');
  assert.match(await page.textContent('#problem-text'), /width.*multiple of 8/i);
  assert.equal(await page.getAttribute('#width', 'aria-invalid'), 'true');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'width');
  await page.fill('#width', '256');
  assert.equal(await page.getAttribute('#width', 'aria-invalid'), null);
  await page.click('#draw');
  await drawn(page);
});

test('an empty prompt is answered with a sentence', async () => {
  await page.click('#draw');
  await page.waitForSelector('#problem:not([hidden])');
  assert.match(await page.textContent('#problem-text'), /prompt/i);
  assert.equal(await page.evaluate(() => document.activeElement.id), 'prompt');
});

test('stopping leaves the page ready, and draws no picture', async () => {
  if (server.behaviour) server.behaviour.pace = 300;
  await page.fill('#prompt', prompt);
  await page.fill('#name', 'never finished');
  await page.evaluate(() => (document.getElementById('more').open = true));
  await page.fill('#steps', '100');
  // Pressed in the frame that shows the first step: a fast machine draws all of them in the time of a click from outside.
  await page.evaluate(() => {
    const [stage, stop] = ['stage', 'stop'].map((id) => document.getElementById(id));
    window.stopped = new Promise((resolve) => {
      const look = () => {
        if (!/^Step/.test(stage.textContent)) return requestAnimationFrame(look);
        stop.focus();
        stop.click();
        resolve();
      };
      look();
    });
  });
  await page.click('#draw');
  await page.evaluate(() => window.stopped);
  await page.waitForSelector('#progress', { state: 'hidden' });
  assert.equal(await page.textContent('#draw-word'), 'Draw');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'draw');
  assert.equal(await page.isVisible('#problem'), false);
  await eventually(cancelled, 'the server stopped drawing, too');
  if (server.behaviour) server.behaviour.pace = 60;
  await draw(page, prompt, { name: 'finished', steps: 1, width: 64, height: 64 });
  assert.equal(await page.textContent('#caption'), 'finished');
  assert.equal(await page.locator('.card h3', { hasText: 'never finished' }).count(), 0);
});

test('words that look like HTML are shown as they were typed', async () => {
  const hostile = '<img src=x onerror="document.title=1"><script>document.title=2</script> a red circle';
  await draw(page, hostile, { name: hostile, width: 64, height: 64 });
  assert.equal(await page.textContent('#caption'), hostile);
  assert.equal(await page.getAttribute('#result', 'alt'), hostile);
  const card = page.locator('.card').first();
  await eventually(async () => (await card.locator('h3').textContent()) === hostile, 'the card has the name');
  await card.locator('[data-act=Delete]').click();
  assert.ok((await page.textContent('#delete-text')).includes(hostile));
  await page.click('#delete-yes');
  await eventually(async () => (await page.locator('.card h3', { hasText: 'onerror' }).count()) === 0, 'it is gone');
  assert.equal(await page.title(), 'Fulmen');
  assert.equal(await page.locator('main img[src="x"]').count(), 0);
});

test('the picture can be kept as a file under its name', async () => {
  await draw(page, prompt, { name: 'Ein roter Kreis: №1/2', width: 64, height: 64 });
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save')]);
  assert.equal(download.suggestedFilename(), 'Ein-roter-Kreis-1-2.png');
  assert.ok((await readFile(await download.path())).equals(await newestBytes(page)));
});

test('Ctrl and Enter draw from within any field', async () => {
  await page.fill('#prompt', prompt);
  await page.fill('#name', 'by keyboard');
  await page.press('#name', 'Control+Enter');
  await drawn(page);
  assert.equal(await page.textContent('#caption'), 'by keyboard');
});

test('a suggestion fills the prompt', async () => {
  await page.click('.chip:has-text("Sailboat")');
  assert.equal(await page.inputValue('#prompt'), 'a sailboat with red sails');
  assert.equal(await page.getAttribute('#prompt', 'placeholder'), prompt);
});

test('the page says which model draws, and what the demo model is', async () => {
  await eventually(() => page.textContent('#model'), 'the model’s name');
  assert.match(await page.textContent('#model-note'), /128/);
  assert.ok(await page.isVisible('#grammar'));
});

// The dashboard: publish, copy the link, unpublish, download, delete.

import assert from 'node:assert/strict';
import test, { after, afterEach, before, beforeEach } from 'node:test';

import { colour, draw, eventually, launch, thumbnail } from './browser.js';
import { serve } from './server.js';

let server, browser, tab, page;

before(async () => ([server, browser] = await Promise.all([serve(), launch()])));
beforeEach(async () => ({ page } = tab = await browser.tab(server.url)));
afterEach(() => tab.close());
after(() => Promise.all([browser?.close(), server?.close()]));

const small = { width: 64, height: 64, steps: 1 };
const card = (name) => page.locator('.card', { has: page.locator('h3', { hasText: name }) });
const act = (name, word) => card(name).locator(`[data-act="${word}"]`);
const said = (pattern) => eventually(async () => pattern.test(await page.textContent('#announcer')), `said ${pattern}`);

test('nothing there yet is said in words', async () => {
  await page.waitForSelector('#images-note:not([hidden])');
  assert.match(await page.textContent('#images-note'), /Nothing here yet/);
});

test('a published picture is open to everyone with the link, until it is unpublished', async () => {
  await draw(page, 'a red circle on a blue background', { name: 'for all', ...small });
  await act('for all', 'Publish').click();
  await act('for all', 'Unpublish').waitFor();
  await said(/Published/);
  await tab.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await act('for all', 'Copy link').click();
  await said(/link is copied/);
  const link = await page.evaluate(() => navigator.clipboard.readText());
  assert.equal(link, await card('for all').locator('a.badge').getAttribute('href'));

  const fresh = await browser.tab(server.url);
  // The picture itself is served without any rights; the browser notes what of its own viewer that forbids.
  fresh.expected.push(/^Applying inline style violates|^Blocked script execution in/);
  const shown = await fresh.page.goto(link);
  assert.equal(shown.status(), 200);
  assert.match(shown.headers()['content-type'], /^image\/png/);
  const [red, , blue] = await colour(fresh.page.locator('img'), 0.5, 0.5);
  assert.ok(red > blue, 'the public picture is the picture');

  await act('for all', 'Unpublish').click();
  await act('for all', 'Publish').waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.dataset.act), 'Publish');
  assert.equal((await fresh.page.goto(link)).status(), 404);
  await fresh.close();
});

test('a deleted picture is gone, from the page and from its public link', async () => {
  await draw(page, 'a yellow star', { name: 'short-lived', ...small });
  await act('short-lived', 'Publish').click();
  await act('short-lived', 'Unpublish').waitFor();
  const link = await card('short-lived').locator('a.badge').getAttribute('href');
  await act('short-lived', 'Delete').click();
  assert.match(await page.textContent('#delete-text'), /“short-lived” cannot be brought back\. Its public link/);
  await page.click('#delete-yes');
  await card('short-lived').waitFor({ state: 'detached' });
  assert.equal((await page.request.get(link)).status(), 404);
  assert.equal(await page.isVisible('#done'), false, 'the picture is not shown any more');
  await page.reload();
  await page.waitForSelector('.card, #images-note:not([hidden])');
  assert.equal(await card('short-lived').count(), 0);
});

test('deleting can be thought better of', async () => {
  await draw(page, 'a cat', { name: 'beloved', ...small });
  for (const way of [() => page.click('#delete-no'), () => page.keyboard.press('Escape')]) {
    await act('beloved', 'Delete').click();
    assert.equal(await page.evaluate(() => document.activeElement.id), 'delete-no');
    await way();
    await page.waitForSelector('#delete-dialog', { state: 'hidden' });
    assert.equal(await card('beloved').count(), 1);
    assert.equal(await page.evaluate(() => document.activeElement.dataset.act), 'Delete');
  }
});

test('a picture of the dashboard can be looked at and kept', async () => {
  await draw(page, 'a house', { name: 'my house', width: 128, height: 64, steps: 1 });
  await page.reload();
  await act('my house', 'Show').click();
  await page.waitForSelector('#result:not([hidden])');
  assert.equal(await page.textContent('#caption'), 'my house');
  assert.equal(await page.getAttribute('#result', 'alt'), 'my house');
  assert.equal(await page.isVisible('#again'), false, 'its seed is not known any more');
  const [download] = await Promise.all([page.waitForEvent('download'), act('my house', 'Download').click()]);
  assert.equal(download.suggestedFilename(), 'my-house.png');
});

test('the newest picture comes first', async () => {
  await draw(page, 'a tree', { name: 'older one', ...small });
  await draw(page, 'a tree', { name: 'newer one', ...small });
  const names = await eventually(async () => {
    const all = await page.locator('.card h3').allTextContents();
    return all[0] === 'newer one' && all;
  });
  assert.equal(names[1], 'older one');
});

test('thumbnails are of the pictures', async () => {
  await draw(page, 'a red circle on a blue background', { name: 'thumb', ...small });
  const [red, , blue] = await colour(thumbnail(page, 'thumb'), 0.5, 0.5);
  assert.ok(red > blue);
});

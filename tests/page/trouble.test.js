// What a healthy server seldom does, so the mock does it: queues, refusals, broken streams.

import assert from 'node:assert/strict';
import test, { after, afterEach, before, beforeEach } from 'node:test';

import { draw, drawn, eventually, launch, record } from './browser.js';
import { Refusal, mock } from './mock.js';

const prompt = 'a red circle on a blue background';
let server, browser, tab, page;

before(async () => (browser = await launch()));
beforeEach(async () => {
  server = await mock();
  ({ page } = tab = await browser.tab(server.url));
});
afterEach(async () => {
  await tab.close().finally(() => server.close());
});
after(() => browser?.close());

const complaint = async () => {
  await page.waitForSelector('#problem:not([hidden])');
  return page.textContent('#problem-text');
};

test('the place in the queue is told', async () => {
  server.behaviour.queue = [3, 2, 1, 0];
  const stages = await record(page, '#stage', 'textContent');
  await draw(page, prompt);
  const seen = (await stages()).slice(0, 5);
  assert.deepEqual(seen, ['Sending', '3rd in the queue', '2nd in the queue', 'Next in the queue', 'Starting']);
});

test('a full queue says so, and when to try again', async () => {
  const message = 'the queue is full: 16 requests are waiting';
  server.behaviour.refuse = new Refusal(503, message, null, { 'retry-after': '2' });
  await page.fill('#prompt', prompt);
  await page.click('#draw');
  assert.equal(await complaint(), 'The queue is full: 16 requests are waiting.');
  assert.match(await page.textContent('#problem-wait'), /trying again in [12] s/);
  await eventually(async () => /now/.test(await page.textContent('#problem-wait')), 'the time is over');
  server.behaviour.refuse = null;
  await page.click('#draw');
  await drawn(page);
  assert.equal(await page.isVisible('#problem'), false);
});

test('a stream cut anywhere into single bytes, with CRLF and comments, is read all the same', async () => {
  server.behaviour.write = (response, text) => {
    const bytes = Buffer.from(`: beat\r\n${text.replaceAll('\n', '\r\n')}`);
    const at = text.includes('b64_json') ? 3 : bytes.length;
    for (let i = 0; i < at; i++) response.write(bytes.subarray(i, i + 1));
    response.write(bytes.subarray(at));
  };
  const previews = await record(page, '#preview', 'src');
  await draw(page, prompt, { name: 'naïve – 🎨' });
  assert.equal(await page.textContent('#caption'), 'naïve – 🎨');
  assert.ok((await previews()).length >= 3);
});

test('a failure in the middle of a drawing is the server’s sentence', async () => {
  server.behaviour.fail = (send) => send('error', { error: new Refusal(500, 'the device was lost').body });
  await page.fill('#prompt', prompt);
  await page.click('#draw');
  assert.equal(await complaint(), 'The device was lost.');
  assert.equal(await page.isVisible('#progress'), false);
});

test('a stream that ends or breaks too early is told as such', async () => {
  await page.fill('#prompt', prompt);
  server.behaviour.fail = () => {};
  await page.click('#draw');
  assert.match(await complaint(), /broke off/);
  tab.expected.push(/ERR_INCOMPLETE_CHUNKED_ENCODING/);
  server.behaviour.fail = (_, response) => response.destroy();
  await page.click('#draw');
  await eventually(async () => /connection broke/.test(await complaint()), 'the other complaint');
});

test('a server that is gone is told as such, and so is a proxy that speaks for it', async () => {
  await page.fill('#prompt', prompt);
  await page.route('**/imagine', (route) => route.fulfill({ status: 502, body: '<h1>Bad Gateway</h1>' }));
  await page.click('#draw');
  assert.equal(await complaint(), 'The server answered 502.');
  tab.expected.push(/ERR_CONNECTION_REFUSED/);
  await page.unroute('**/imagine');
  await server.close();
  await page.click('#draw');
  await eventually(async () => /cannot be reached/.test(await complaint()), 'the other complaint');
});

test('pages of the dashboard follow the links of the API', async () => {
  for (let i = 1; i <= 30; i++) server.add({ name: `picture ${i}` });
  await page.reload();
  await page.waitForSelector('.card');
  const names = () => page.locator('.card h3').allTextContents();
  const first = (name) => eventually(async () => (await names())[0] === name, `${name} is the first`);
  assert.equal((await names()).length, 12);
  await first('picture 30');
  assert.equal(await page.isVisible('#newer'), false);
  await page.click('#older');
  await first('picture 18');
  await page.click('#older');
  await first('picture 6');
  assert.equal((await names()).length, 6);
  assert.equal(await page.isVisible('#older'), false);
  await page.click('#newer');
  await first('picture 18');
  // The image by which the page is found goes, and the page stays.
  await page.locator('.card [data-act=Delete]').first().click();
  await page.click('#delete-yes');
  await first('picture 17');
  // The card goes at once; what moves up in its place comes with the listing.
  await eventually(async () => (await names()).at(-1) === 'picture 6', 'picture 6 is the last');
  await page.click('#newer');
  await page.waitForFunction(() => document.getElementById('newer').hidden);
});

test('an image that someone else deleted is told of, and the others stay', async () => {
  server.add({ name: 'stays' });
  const { id } = server.add({ name: 'goes' });
  await page.reload();
  await page.waitForSelector('.card');
  await page.request.delete(`${server.url}/v1/images/${id}`);
  await page.locator('.card [data-act=Publish]').first().click();
  await page.waitForSelector('#images-note:not([hidden])');
  assert.equal(await page.textContent('#images-note'), 'There is no image with this id.');
  assert.equal(await page.locator('.card').count(), 2);
});

test('links are copied where the browser lends no clipboard', async () => {
  await tab.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  server.add({ name: 'copied' });
  await page.reload();
  await page.click('.card [data-act=Publish]');
  await page.waitForSelector('.card [data-act="Copy link"]');
  const link = await page.getAttribute('.card a.badge', 'href');
  // As on a page that came by plain HTTP from another machine.
  await page.evaluate(() => {
    window.lent = navigator.clipboard;
    Object.defineProperty(navigator, 'clipboard', { value: undefined });
  });
  await page.click('.card [data-act="Copy link"]');
  assert.equal(await page.evaluate(() => window.lent.readText()), link);
  assert.equal(await page.evaluate(() => document.activeElement.dataset.act), 'Copy link');
});

test('a second Draw while one is drawing does nothing', async () => {
  server.behaviour.pace = 150;
  await page.fill('#prompt', prompt);
  await page.click('#draw');
  await page.press('#prompt', 'Control+Enter');
  await page.$eval('#draw', (button) => button.click());
  await drawn(page);
  assert.equal(server.seen.requests.filter((request) => request.startsWith('POST')).length, 1);
});

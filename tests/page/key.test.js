// A server with a key: asked for once, kept in this tab alone.

import assert from 'node:assert/strict';
import test, { after, afterEach, before, beforeEach } from 'node:test';

import { drawn, eventually, launch } from './browser.js';
import { serve } from './server.js';

const key = 'a-key-for-the-tests-0123456789';
let server, browser, tab, page;

before(async () => ([server, browser] = await Promise.all([serve({ key }), launch()])));
beforeEach(async () => ({ page } = tab = await browser.tab(server.url)));
afterEach(() => tab.close());
after(() => Promise.all([browser?.close(), server?.close()]));

const asked = (page) => page.waitForSelector('#key-dialog[open]');

async function give(page, typed) {
  await asked(page);
  await page.fill('#key', typed);
  await page.press('#key', 'Enter');
}

const stored = (page) => page.evaluate(() => Object.values(sessionStorage));

test('the key is asked for once, and then the page works', async () => {
  await give(page, key);
  await page.waitForSelector('#key-dialog', { state: 'hidden' });
  await page.fill('#prompt', 'a red circle on a blue background');
  await page.click('#draw');
  await drawn(page);
  await page.waitForFunction(() => document.querySelector('.card img')?.naturalWidth > 0);
  await page.reload();
  await page.waitForSelector('.card');
  assert.equal(await page.isVisible('#key-dialog'), false);
});

test('the key is in sessionStorage and nowhere else', async () => {
  await give(page, key);
  await eventually(async () => (await stored(page)).includes(key), 'kept');
  const elsewhere = await page.evaluate(async (key) => {
    const places = [Object.values(localStorage), document.cookie, location.href, document.documentElement.outerHTML];
    const fields = [...document.querySelectorAll('input, textarea')].map((field) => field.value);
    const databases = await indexedDB.databases();
    return [...places, fields, databases].some((place) => JSON.stringify(place).includes(key));
  }, key);
  assert.equal(elsewhere, false);
  assert.deepEqual(await tab.context.cookies(), []);
});

test('another tab asks again', async () => {
  await give(page, key);
  await page.waitForSelector('#key-dialog', { state: 'hidden' });
  const other = await tab.other();
  await other.goto(server.url);
  await asked(other);
  assert.deepEqual(await stored(other), []);
});

test('a wrong key is told, and asked for again', async () => {
  await give(page, 'not the key');
  assert.match(await page.textContent('#key-wrong'), /no space/);
  await give(page, 'not-the-key');
  await eventually(async () => /does not know this key/.test(await page.textContent('#key-wrong')), 'the complaint');
  assert.deepEqual(await stored(page), [], 'a wrong key is not kept');
  await give(page, key);
  await page.waitForSelector('#key-dialog', { state: 'hidden' });
  assert.deepEqual(await stored(page), [key]);
});

test('who gives no key can give it later', async () => {
  await asked(page);
  await page.keyboard.press('Escape');
  await page.waitForSelector('#unlock:not([hidden])');
  assert.match(await page.textContent('#images-note'), /those who have the key/);
  await page.click('#unlock');
  await give(page, key);
  await page.waitForSelector('#unlock', { state: 'hidden' });
  await eventually(() => page.textContent('#model'), 'the model’s name');
});

test('a drawing waits for the key, and goes on with it', async () => {
  await asked(page);
  await page.click('#key-cancel');
  await page.fill('#prompt', 'a yellow star');
  await page.click('#draw');
  await give(page, key);
  await drawn(page);
});

test('the key can be forgotten', async () => {
  await give(page, key);
  await page.click('#forget');
  await asked(page);
  assert.deepEqual(await stored(page), []);
  assert.equal(await page.isVisible('#forget'), false);
});

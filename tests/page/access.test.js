// For everyone: by keyboard, with a screen reader, on a phone, in the dark, without motion.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import test, { after, afterEach, before } from 'node:test';

import { draw, drawn, eventually, launch } from './browser.js';
import { halves, take } from './over.js';
import { serve } from './server.js';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const prompt = 'a red circle on a blue background';
const phone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
let server, browser, tab;

before(async () => ([server, browser] = await Promise.all([serve(), launch()])));
afterEach(() => tab?.close());
after(() => Promise.all([browser?.close(), server?.close()]));

async function open(options) {
  tab = await browser.tab(server.url, options);
  await eventually(() => tab.page.textContent('#model'), 'the model’s name');
  return tab.page;
}

// Evaluated by the debugger, which the page's policy does not bind.
async function barriers(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }));
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' | ')}`);
}

for (const colorScheme of ['light', 'dark']) {
  test(`no barrier that axe knows of, ${colorScheme}`, async () => {
    const page = await open({ colorScheme });
    await draw(page, prompt, { width: 64, height: 64 });
    await page.locator('.card [data-act=Publish]').first().click();
    await page.locator('.card [data-act=Unpublish]').first().waitFor();
    await page.click('#grammar > summary');
    assert.deepEqual(await barriers(page), []);
    await page.locator('.card [data-act=Delete]').first().click();
    assert.deepEqual(await barriers(page), [], 'with the question open');
    await page.click('#delete-no');
    await page.fill('#width', '1001');
    await page.click('#draw');
    await page.waitForSelector('#problem:not([hidden])');
    assert.deepEqual(await barriers(page), [], 'with a complaint');
  });
}

for (const colorScheme of ['light', 'dark']) {
  test(`no barrier where a picture is drawn over, ${colorScheme}`, async () => {
    const page = await open({ colorScheme });
    await take(page, halves(128, 64));
    await page.evaluate(() => document.querySelectorAll('#form details').forEach((details) => (details.open = true)));
    assert.deepEqual(await barriers(page), [], 'with an init picture');
    await page.click('#mask-open');
    await page.keyboard.press('Space');
    assert.deepEqual(await barriers(page), [], 'with the mask open');
    await page.click('#mask-done');
    await draw(page, prompt);
    await page.click('#compare');
    assert.deepEqual(await barriers(page), [], 'before and after');
    await page.setInputFiles('#init-file', { name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('a') });
    await page.locator('#init-wrong:not(:empty)').waitFor();
    assert.deepEqual(await barriers(page), [], 'with what is no picture');
  });
}

test('everything can be done with the keyboard alone', async () => {
  const page = await open();
  const press = async (...keys) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.dataset.act);
  // Goes on by Tab until it is there; never more than the page has stops.
  const reach = async (name) => {
    for (let stops = 0; stops < 80; stops++) {
      if ((await focused()) === name) return;
      await press('Tab');
    }
    assert.fail(`Tab never reached ${name}`);
  };
  await press('Tab', 'Enter');
  assert.equal(await focused(), 'prompt', 'the first stop leads to the prompt');
  await page.keyboard.type(prompt);
  await reach('name');
  await page.keyboard.type('typed');
  await reach('draw');
  const ring = await page.$eval('#draw', (button) => getComputedStyle(button).outlineStyle);
  assert.equal(ring, 'solid', 'the focus is seen');
  await press('Enter');
  await drawn(page);
  await page.locator('.card h3', { hasText: 'typed' }).waitFor();
  await reach('Publish');
  await press('Enter');
  await eventually(async () => (await focused()) === 'Unpublish', 'the focus stays');
  await reach('Delete');
  await press('Enter');
  await page.waitForSelector('#delete-dialog[open]');
  await press('Tab', 'Enter');
  await page.locator('.card h3', { hasText: 'typed' }).waitFor({ state: 'detached' });
});

test('every control has a name that says what it does', async () => {
  const page = await open();
  await take(page, halves(128, 64));
  await page.evaluate(() => (document.getElementById('outpaint').open = true));
  await page.click('#mask-open');
  const inside = [
    ['dialog', 'Mask'],
    ['application', 'Canvas'],
    ['radio', 'Paint'],
    ['radio', 'Erase'],
    ['slider', 'Size'],
    ['button', 'Undo'],
    ['button', 'Clear'],
    ['button', 'Done'],
  ];
  await all(page, inside);
  await page.keyboard.press('Space');
  await page.click('#mask-done');
  await draw(page, prompt, { name: 'named', width: 64, height: 64 });
  const named = [
    ['textbox', 'Prompt'],
    ['textbox', 'Name optional'],
    ['group', 'Init picture optional'],
    ['img', 'The init picture: halves.png'],
    ['button', 'Edit the mask'],
    ['button', 'Replace'],
    ['button', 'Remove'],
    ['slider', 'Strength'],
    ['spinbutton', 'Mask blur'],
    ['spinbutton', 'Padding'],
    ['group', 'Outpaint'],
    ['spinbutton', 'Left'],
    ['textbox', 'Negative prompt optional'],
    ['radio', 'As the init picture'],
    ['combobox', 'Upscale'],
    ['combobox', 'Tile'],
    ['checkbox', 'Transparent background'],
    ['group', 'Size'],
    ['radio', 'Landscape'],
    ['spinbutton', 'Width'],
    ['spinbutton', 'Height'],
    ['spinbutton', 'Steps'],
    ['spinbutton', 'Guidance'],
    ['group', 'Seed'],
    ['checkbox', 'New each time'],
    ['spinbutton', 'Seed'],
    ['button', 'Draw'],
    ['button', 'Again with this seed'],
    ['button', 'Edit'],
    ['button', 'Compare'],
    ['slider', 'Compare: how much of the init picture is shown'],
    ['button', 'Download'],
    ['img', prompt],
    ['region', 'Your images'],
    ['heading', 'named'],
    ['button', 'Show: named'],
    ['button', 'Edit: named'],
    ['button', 'Publish: named'],
    ['button', 'Download: named'],
    ['button', 'Delete: named'],
  ];
  await page.click('#compare');
  await all(page, named);
});

async function all(page, named) {
  for (const [role, name] of named) {
    const count = await page.getByRole(role, { name, exact: true }).count();
    assert.ok(count >= 1, `there is no ${role} called “${name}”`);
  }
}

test('the progress has a name, and its end is announced', async () => {
  const page = await open();
  await page.fill('#prompt', prompt);
  await page.click('#draw');
  await page.getByRole('progressbar', { name: 'Progress of the drawing' }).waitFor();
  await drawn(page);
  const announcer = page.getByRole('status');
  await eventually(async () => /The picture is done: a red/.test(await announcer.textContent()), 'announced');
});

test('a phone of 360 pixels scrolls in one direction only', async () => {
  const page = await open(phone);
  const name = 'averylongnamewithoutanyspaceinwhichthepagecouldbreakthelineifitwantedto';
  await take(page, halves(128, 64, `${name}.png`));
  await page.evaluate(() => (document.getElementById('outpaint').open = true));
  await draw(page, prompt, { name, width: 64, height: 64 });
  await page.locator('.card [data-act=Publish]').first().click();
  await page.locator('.card [data-act=Unpublish]').first().waitFor();
  await page.click('#compare');
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.equal(wide, 360);
  const columns = await page.evaluate(() => document.getElementById('form').getBoundingClientRect().width);
  assert.ok(columns > 300, 'one column');
});

test('the progress is in sight on a phone as soon as it begins', async () => {
  const page = await open(phone);
  await page.fill('#prompt', prompt);
  // Looked for in every frame: a fast machine has drawn before anybody asks from outside.
  await page.evaluate(() => {
    const stop = document.getElementById('stop');
    window.firstBottom = new Promise((resolve) => {
      const look = () => {
        const { bottom } = stop.getBoundingClientRect();
        if (bottom > 0) resolve(bottom);
        else requestAnimationFrame(look);
      };
      look();
    });
  });
  await page.click('#draw');
  const bottom = await page.evaluate(() => window.firstBottom);
  assert.ok(bottom <= 740, `the Stop button ends at ${bottom}`);
  await drawn(page);
});

test('a desktop has the form left of the picture', async () => {
  const page = await open();
  const [form, frame] = await Promise.all(['#form', '#frame'].map((id) => page.locator(id).boundingBox()));
  assert.ok(form.x + form.width < frame.x, 'beside each other');
  assert.ok(Math.abs(form.y - frame.y) < 8, 'at one height');
});

test('nothing jumps while the page loads and draws', async () => {
  const page = await open();
  await draw(page, prompt);
  await page.waitForSelector('.card');
  const shifted = await page.evaluate(() => window.shifted);
  assert.ok(shifted < 0.02, `the layout shifted by ${shifted}`);
});

test('the dark page is dark', async () => {
  const ground = async (colorScheme) => {
    const page = await open({ colorScheme });
    const colour = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await tab.close();
    tab = null;
    return Math.max(...colour.match(/\d+/g).map(Number));
  };
  assert.ok((await ground('dark')) < 60);
  assert.ok((await ground('light')) > 200);
});

test('who wants no motion sees none', async () => {
  const page = await open({ reducedMotion: 'reduce' });
  await page.fill('#prompt', prompt);
  await page.click('#draw');
  const moving = await page.evaluate(() => document.getAnimations().length);
  assert.equal(moving, 0);
  await drawn(page);
});

// Pictures of the page for people to look at, in target/page: desktop, dark, phone, dialogs. `docs/page.png` is
// desktop.png made smaller: pngquant --quality 60-95 --speed 1 --strip --output docs/page.png target/page/desktop.png
// With FULMEN=…/fulmen they are of the real program.

import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { draw, eventually, launch } from './browser.js';
import { serve } from './server.js';

const folder = fileURLToPath(new URL('../../target/page/', import.meta.url));
const desktop = { viewport: { width: 1280, height: 1240 } };
const phone = { viewport: { width: 360, height: 780 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };
const prompts = [
  ['a sailboat with red sails', 7],
  ['snowy mountains at sunset', 3],
  ['an orange cat on a blue background', 5],
  ['a white star on a dotted red background', 4],
  ['a house with a blue roof at night', 2],
];

async function look(page, name, options = {}) {
  await eventually(() => page.$$eval('.card img', (images) => images.every((image) => image.complete && image.naturalWidth)));
  // A dialog and a focus ring are part of the picture; the caret, which blinks, is not.
  await page.screenshot({ path: `${folder}${name}.png`, caret: 'hide', ...options });
}

// An init picture with a mask on it, the dialog in which that is painted, and what was drawn compared with it.
async function edited(page, name) {
  await page.locator('.card [data-act=Edit]').nth(2).click();
  await page.waitForSelector('#init-taken:not([hidden])');
  await page.click('#mask-open');
  await page.waitForSelector('#mask-dialog[open]');
  const { x, y, width, height } = await page.locator('#mask-canvas').boundingBox();
  await page.mouse.move(x + width * 0.3, y + height * 0.4);
  await page.mouse.down();
  for (let i = 1; i <= 24; i++) await page.mouse.move(x + width * (0.3 + i / 60), y + height * (0.4 + Math.sin(i / 4) / 12));
  await page.mouse.up();
  await look(page, `${name}-mask`);
  await page.click('#mask-done');
  await page.click('#outpaint > summary');
  await page.fill('#outpaint-right', '256');
  await draw(page, 'a green star on a yellow background');
  await page.click('#compare');
  await page.evaluate(() => scrollTo(0, 0));
  await look(page, `${name}-edit`, { fullPage: true });
}

await mkdir(folder, { recursive: true });
const [server, locked, browser] = await Promise.all([serve(), serve({ key: 'secret' }), launch()]);
try {
  const { page, close } = await browser.tab(server.url, desktop);
  await look(page, 'empty');
  for (const [prompt, seed] of prompts) {
    await page.evaluate(() => (document.getElementById('more').open = true));
    if (await page.isChecked('#random')) await page.uncheck('#random');
    await draw(page, prompt, { seed });
  }
  await page.locator('.card [data-act=Publish]').nth(1).click();
  await page.locator('.card [data-act=Unpublish]').first().waitFor();
  await look(page, 'more', { fullPage: true });
  await page.evaluate(() => ((document.getElementById('more').open = false), document.activeElement.blur(), scrollTo(0, 0)));
  await look(page, 'desktop');
  await page.locator('.card [data-act=Delete]').nth(2).click();
  await look(page, 'delete');
  await page.click('#delete-no');
  await edited(page, 'desktop');
  await close();
  for (const [name, options] of Object.entries({ dark: { ...desktop, colorScheme: 'dark' }, phone })) {
    const { page, close } = await browser.tab(server.url, options);
    await page.locator('.card [data-act=Show]').nth(2).click();
    await page.waitForSelector('#done:not([hidden])');
    await page.evaluate(() => scrollTo(0, 0));
    await look(page, name, { fullPage: name === 'phone' });
    await edited(page, name);
    await close();
  }
  const guarded = await browser.tab(locked.url, desktop);
  await guarded.page.fill('#key', 'wrong');
  await guarded.page.press('#key', 'Enter');
  await eventually(async () => /know/.test(await guarded.page.textContent('#key-wrong')));
  await look(guarded.page, 'key');
  await guarded.close();
} finally {
  await Promise.all([browser.close(), server.close(), locked.close()]);
}

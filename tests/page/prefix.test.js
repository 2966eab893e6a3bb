// The page below a path, as a proxy puts it there: one that takes the path off requests, and one that leaves it.

import assert from 'node:assert/strict';
import { createServer, request as ask } from 'node:http';
import test, { after, before } from 'node:test';

import { draw, launch } from './browser.js';
import { real, serve } from './server.js';

let browser;

before(async () => (browser = await launch()));
after(() => browser?.close());

/** A proxy that serves `to` below `/draw/` and nothing elsewhere. */
async function proxy(to, { strips }) {
  const answers = [];
  const server = createServer((asked, answer) => {
    const { pathname } = new URL(asked.url, to);
    if (!pathname.startsWith('/draw/')) {
      answers.push(`404 ${asked.url}`);
      return answer.writeHead(404).end();
    }
    const path = strips ? asked.url.slice('/draw'.length) : asked.url;
    const passed = ask(new URL(to).origin + path, { method: asked.method, headers: asked.headers }, (given) => {
      answers.push(`${given.statusCode} ${asked.url}`);
      answer.writeHead(given.statusCode, given.headers);
      given.pipe(answer);
    });
    answer.on('close', () => passed.destroy());
    passed.on('error', () => answer.destroy());
    asked.pipe(passed);
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const close = () => (server.closeAllConnections(), new Promise((closed) => server.close(closed)));
  return { url: `http://127.0.0.1:${server.address().port}/draw/`, answers, close };
}

for (const strips of [true, false]) {
  const name = strips ? 'takes the path off' : 'leaves the path on';
  // The mock knows no paths but its own.
  test(`the page works behind a proxy that ${name}`, { skip: !strips && !real }, async () => {
    const server = await serve({ options: ['--public-url', 'https://example.org/draw'] });
    const { url, answers, close } = await proxy(server.url, { strips });
    try {
      const { page, close: leave } = await browser.tab(url);
      await draw(page, 'a red circle on a blue background', { name: 'below', width: 64, height: 64 });
      await page.locator('.card h3', { hasText: 'below' }).waitFor();
      await page.locator('.card [data-act=Publish]').first().click();
      await page.locator('.card [data-act=Unpublish]').first().waitFor();
      const link = await page.getAttribute('.card a.badge', 'href');
      if (real) assert.match(link, /^https:\/\/example\.org\/draw\/public\//);
      const styled = await page.evaluate(() => getComputedStyle(document.getElementById('draw')).cursor);
      assert.equal(styled, 'pointer');
      assert.deepEqual(answers.filter((line) => !/^20\d /.test(line)), []);
      assert.ok(answers.length >= 18, answers.join('\n'));
      await leave();
    } finally {
      await close();
      await server.close();
    }
  });
}

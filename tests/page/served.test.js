// How the page is served. The mock serves it in its own way, so this needs the program.

import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';

import { real, serve } from './server.js';

let server;

before(async () => (server = real ? await serve() : null));
after(() => server?.close());

const files = ['/', '/page/page.css', '/page/page.js', '/page/icon.svg'];

test('every file carries a policy that lets nothing foreign in', { skip: !real }, async () => {
  for (const path of files) {
    const { status, headers } = await fetch(server.url + path);
    assert.equal(status, 200, path);
    const policy = headers.get('content-security-policy').split(';').map((rule) => rule.trim());
    const only = ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "base-uri 'none'"];
    for (const rule of [...only, "form-action 'none'", "frame-ancestors 'none'", "img-src 'self' blob: data:"]) {
      assert.ok(policy.includes(rule), `${path}: ${rule}`);
    }
    assert.equal(headers.get('x-content-type-options'), 'nosniff', path);
    assert.equal(headers.get('referrer-policy'), 'no-referrer', path);
    assert.equal(headers.get('cross-origin-opener-policy'), 'same-origin', path);
  }
});

test('a file that the browser has already is not sent again', { skip: !real }, async () => {
  for (const path of files) {
    const tag = (await fetch(server.url + path)).headers.get('etag');
    const again = await fetch(server.url + path, { headers: { 'if-none-match': tag } });
    assert.deepEqual([again.status, await again.text(), again.headers.get('etag')], [304, '', tag], path);
  }
});

test('what is not part of the page is not found', { skip: !real }, async () => {
  for (const path of ['/page/', '/page/mod.rs', '/page/..%2fpage.js', '/page/index.html']) {
    assert.equal((await fetch(server.url + path)).status, 404, path);
  }
});

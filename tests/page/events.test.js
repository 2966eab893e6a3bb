// The reader of server-sent events, without a browser.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';

const source = await readFile(new URL('../../server/src/page/events.js', import.meta.url));
// No package.json says that the page's files are modules; this way Node takes it for one.
const { EventParser, events } = await import(`data:text/javascript;base64,${source.toString('base64')}`);

const stream = [
  ': a comment',
  '',
  'event: queued',
  'data: {"position":2}',
  '',
  'event:stage',
  'data:{"stage":"text – naïve 🎨"}',
  'id: 7',
  'retry: 10',
  '',
  'event: nothing',
  '',
  'data: two',
  'data: lines',
  '',
  'data',
  '',
  'data: never finished',
].join('\n');
const told = [
  { name: 'queued', data: '{"position":2}' },
  { name: 'stage', data: '{"stage":"text – naïve 🎨"}' },
  { name: 'message', data: 'two\nlines' },
  { name: 'message', data: '' },
];

const read = async (pieces) => {
  const found = [];
  const body = new ReadableStream({
    start(controller) {
      pieces.forEach((piece) => controller.enqueue(piece));
      controller.close();
    },
  });
  for await (const event of events(body)) found.push(event);
  return found;
};

for (const [name, end] of Object.entries({ LF: '\n', CRLF: '\r\n', CR: '\r' })) {
  test(`events are the same wherever the stream is cut, with ${name}`, async () => {
    const bytes = new TextEncoder().encode(stream.replaceAll('\n', end));
    for (let at = 0; at <= bytes.length; at++) {
      assert.deepEqual(await read([bytes.slice(0, at), bytes.slice(at)]), told, `cut at ${at}`);
    }
    assert.deepEqual(await read(Array.from(bytes, (byte) => Uint8Array.of(byte))), told, 'byte by byte');
  });
}

test('an empty piece between a carriage return and its line feed makes no line', () => {
  const parser = new EventParser();
  const found = ['data: a\r', '', '\ndata: b\r', '\n\r', '\n'].flatMap((piece) => parser.push(piece));
  assert.deepEqual(found, [{ name: 'message', data: 'a\nb' }]);
});

test('who stops reading hangs up', async () => {
  let hungUp = false;
  const body = new ReadableStream({
    pull: (controller) => controller.enqueue(new TextEncoder().encode('data: again\n\n')),
    cancel: () => (hungUp = true),
  });
  for await (const { data } of events(body)) {
    assert.equal(data, 'again');
    break;
  }
  assert.ok(hungUp);
});

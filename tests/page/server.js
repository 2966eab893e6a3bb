// What the tests talk to: the program that the environment names in FULMEN, or else the mock.

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { mock } from './mock.js';

/** Whether the tests talk to the real program. */
export const real = Boolean(process.env.FULMEN);

/** Starts a server; with `key` it asks for that. `options` are more of the real one's. */
export async function serve({ key = null, options: more = [] } = {}) {
  if (!real) return mock({ key });
  const data = await mkdtemp(join(tmpdir(), 'fulmen-page-'));
  const { FULMEN_API_KEY: _, ...env } = process.env;
  if (key) env.FULMEN_API_KEY = key;
  const options = ['serve', '--listen', '127.0.0.1:0', '--data', data, ...more];
  const server = spawn(process.env.FULMEN, options, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise((end) => server.once('exit', end));
  const close = async () => {
    server.kill('SIGTERM');
    await ended;
    await rm(data, { recursive: true, force: true });
  };
  try {
    return { url: await address(server), close };
  } catch (error) {
    await close();
    throw error;
  }
}

// Its standard error is read to the end, or the server would wait for us one day.
function address(server) {
  const said = [];
  return new Promise((found, failed) => {
    server.once('error', failed);
    const lines = createInterface({ input: server.stderr });
    lines.on('line', (line) => {
      if (said.push(line) > 100) said.shift();
      const [, url] = line.match(/listening at (http:\/\/[\w.:[\]]+)/) ?? [];
      if (url) found(url);
    });
    lines.once('close', () => failed(new Error(`the server ended before it listened:\n${said.join('\n')}`)));
  });
}

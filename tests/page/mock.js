// A stand-in for the server: the part of the API that the page uses, with pictures of one circle. It can be told to
// do what a real server seldom does. `node mock.js [PORT] [KEY]` runs it by itself.

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { png } from './png.js';

const folder = new URL('../../server/src/page/', import.meta.url);
const types = { html: 'text/html', css: 'text/css', js: 'text/javascript', svg: 'image/svg+xml' };
// The policy is the real one, so that the page cannot depend on a laxer one.
const policy = readFileSync(new URL('mod.rs', folder), 'utf8').match(/const POLICY: &str = "([^"]*)"/)[1].replace(/\\\n\s*/g, '');

const colours = { red: [226, 40, 46], blue: [36, 84, 212], yellow: [253, 216, 48], green: [52, 168, 72], purple: [132, 58, 184] };

/** A circle in the first colour of the prompt on the second, shaded a little differently by each seed. */
export function picture({ prompt, seed, width, height }, blur = 0) {
  const words = prompt.split(/\W+/).filter((word) => colours[word]);
  const [inside, outside] = [colours[words[0]] ?? [130, 130, 130], colours[words[1]] ?? [238, 238, 235]];
  const radius = Math.min(width, height) * 0.3;
  const shade = 1 - (seed % 16) / 100;
  return png(width, height, (x, y) => {
    const distance = Math.hypot(x - width / 2, y - height / 2) - radius;
    const share = Math.max(0, Math.min(1, 0.5 - distance / (2 + blur)));
    return inside.map((value, i) => Math.round((value * share + outside[i] * (1 - share)) * shade));
  });
}

/** An answer of the images family that says no. */
export class Refusal extends Error {
  constructor(status, message, field, headers = {}) {
    super(message);
    Object.assign(this, { status, field, headers });
  }

  get body() {
    const errors = this.field ? { errors: [`${this.field}: ${this.message}`] } : {};
    return { type: 'about:blank', error: 'Refused', status: this.status, message: this.message, ...errors };
  }
}

/** Starts the mock. */
export async function mock(options = {}) {
  const started = new Mock(options.key ?? null);
  await started.listen(options.port ?? 0);
  return started;
}

class Mock {
  /** May be changed while the mock runs. */
  behaviour = { pace: 60, queue: [], refuse: null, fail: null, write: (response, text) => response.write(text) };
  seen = { hangUps: 0, requests: [], asked: [] };
  models = [model('fulmen-demo')];
  loras = [];
  #images = [];
  #server = createServer((request, response) => this.#answer(request, response));
  #key;

  constructor(key) {
    this.#key = key;
  }

  async listen(port) {
    await new Promise((listening) => this.#server.listen(port, '127.0.0.1', listening));
    this.url = `http://127.0.0.1:${this.#server.address().port}`;
  }

  close() {
    this.#server.closeAllConnections();
    // Closing what is closed is no error here.
    return new Promise((closed) => this.#server.close(() => closed()));
  }

  /** Adds an image as if it had been drawn. */
  add(request) {
    const { name, ...drawn } = { width: 64, height: 64, seed: 1, prompt: '', ...request };
    const bytes = picture(drawn);
    const { width, height } = drawn;
    const id = `image_${randomBytes(12).toString('hex')}`;
    const about = { width, height, format: 'png', size: bytes.length, created_at: new Date().toISOString() };
    const image = { id, name, url: null, ...about };
    this.#images.unshift({ image, bytes });
    return image;
  }

  async #answer(request, response) {
    try {
      await this.#route(request, response);
    } catch (error) {
      if (response.headersSent || error.name === 'AbortError') return response.destroy();
      const refusal = error instanceof Refusal ? error : new Refusal(500, String(error));
      return json(response, refusal.status, refusal.body, refusal.headers);
    }
  }

  async #route(request, response) {
    const { pathname, searchParams } = new URL(request.url, this.url);
    this.seen.requests.push(`${request.method} ${request.url}`);
    if (pathname === '/' || pathname.startsWith('/page/')) return file(pathname, response);
    if (pathname.startsWith('/public/')) return this.#open(pathname, response);
    if (this.#key && request.headers['x-api-key'] !== this.#key) throw new Refusal(401, 'a key is needed');
    if (pathname === '/v1/models') return json(response, 200, { object: 'list', data: this.models });
    if (pathname === '/elements') return json(response, 200, { loras: this.loras.map(element) });
    if (pathname === '/v1/images') return json(response, 200, this.#list(searchParams));
    if (pathname === '/v1/images/imagine') return this.#imagine(JSON.parse(await text(request)), response);
    const [, id, act] = pathname.match(/^\/v1\/images\/(\w+)(?:\/(\w+))?$/) ?? [];
    return this.#one(request.method, id, act, response);
  }

  async #imagine(asked, response) {
    check(asked);
    this.seen.asked.push(asked);
    if (this.behaviour.refuse) throw this.behaviour.refuse;
    const gone = new AbortController();
    response.on('close', () => response.writableFinished || ((this.seen.hangUps += 1), gone.abort()));
    const send = (name, data) => this.behaviour.write(response, `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
    const pause = () => sleep(this.behaviour.pace, null, { signal: gone.signal });
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    if (asked.prompt.split(/\s+/).length > 1200) send('warning', { message: '`prompt` is longer than 1200 tokens', member: 'prompt' });
    for (const position of this.behaviour.queue) {
      send('queued', { position });
      await pause();
    }
    await this.#draw({ seed: 1, steps: 4, ...asked, ...sizes(asked) }, { send, pause, response });
    response.end();
  }

  async #draw(request, { send, pause, response }) {
    this.behaviour.write(response, ': still drawing\n\n');
    send('stage', { stage: 'text' });
    await pause();
    send('stage', { stage: 'denoise' });
    for (let step = 1; step <= request.steps; step++) {
      await pause();
      send('step', { step, steps: request.steps });
      if (this.behaviour.fail) return this.behaviour.fail(send, response);
      if (step >= request.steps || step > (request.previews ?? 0)) continue;
      const preview = picture({ ...request, width: 128, height: 128 }, 60 / step);
      send('preview', { index: step - 1, b64_json: preview.toString('base64') });
    }
    send('stage', { stage: 'decode' });
    await pause();
    if (request.upscale) send('stage', { stage: 'upscale' });
    for (let tile = 1; tile <= (request.upscale ? 3 : 0); tile++) send('tile', { tile, tiles: 3 });
    send('image', { image: this.add(request), seed: request.seed, steps: request.steps });
  }

  #list(query) {
    const take = Number(query.get('take') ?? 10);
    const at = query.get('from') ? this.#find(query.get('from')) : 0;
    const link = (index) => `${this.url}/v1/images?take=${take}&from=${this.#images[index].image.id}`;
    const previous = at > 0 ? link(Math.max(0, at - take)) : null;
    const next = at + take < this.#images.length ? link(at + take) : null;
    return { data: this.#images.slice(at, at + take).map(({ image }) => image), links: { previous, next } };
  }

  #find(id) {
    const at = this.#images.findIndex(({ image }) => image.id === id);
    if (at < 0) throw new Refusal(404, 'there is no image with this id');
    return at;
  }

  #one(method, id, act, response) {
    const at = this.#find(id);
    const { image, bytes } = this.#images[at];
    if (method === 'DELETE') {
      this.#images.splice(at, 1);
      return response.writeHead(204).end();
    }
    if (act === 'download') return response.writeHead(200, { 'content-type': 'image/png' }).end(bytes);
    if (act === 'publish') image.url = `${this.url}/public/${id}.png`;
    if (act === 'unpublish') image.url = null;
    return json(response, 201, image);
  }

  #open(path, response) {
    const [, id] = path.match(/^\/public\/(\w+)\.png$/) ?? [];
    const found = this.#images.find(({ image }) => image.url && image.id === id);
    if (!found) throw new Refusal(404, 'there is no such file');
    return response.writeHead(200, { 'content-type': 'image/png' }).end(found.bytes);
  }
}

function check(asked) {
  for (const field of ['prompt', 'name']) {
    if (!asked[field]) throw new Refusal(400, `\`${field}\` must have at least 1 character`, field);
  }
  for (const side of ['width', 'height']) {
    const pixels = asked[side] ?? 1024;
    if (!Number.isInteger(pixels) || pixels % 8 || pixels < 64 || pixels > 2048) {
      throw new Refusal(400, `\`${side}\` must be a multiple of 8 from 64 to 2048`, side);
    }
  }
  if (asked.mask && asked.mask !== 'alpha' && String(sizeOf(asked.mask)) !== String(sizeOf(asked.image))) {
    throw new Refusal(400, '`mask` has another size than `image`', 'mask');
  }
}

/** Width and height of a PNG in a data URI. */
export function sizeOf(uri) {
  const bytes = Buffer.from(uri.replace(/^data:image\/png;base64,/, ''), 'base64');
  if (bytes.toString('latin1', 1, 4) !== 'PNG') throw new Refusal(400, '`image`: the picture is none', 'image');
  return [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
}

// Of the finished picture.
function sizes({ image, outpaint = [0, 0, 0, 0], upscale = 1, width, height }) {
  const own = () => sizeOf(image).map((side, i) => Math.floor((outpaint[i] + side + outpaint[i + 2]) / 8) * 8);
  const drawn = image && !width ? own() : [width ?? 1024, height ?? 1024];
  const [across, down] = drawn.map((side) => Math.round(side * upscale));
  return { width: across, height: down };
}

const note = 'A demonstration: it draws at 128×128, and the picture is resampled to the size that was asked for.';

/** A model as the server lists it. */
export const model = (id, fulmen = { demo: true, size: 128, steps: 4, note }) => ({ id, object: 'model', created: 1, owned_by: 'fulmen', fulmen });

const element = (name) => ({ akUUID: `id-of-${name}`, name, weightDefault: 1, weightMin: -2, weightMax: 2 });

async function text(request) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

function json(response, status, value, headers = {}) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
}

function file(path, response) {
  const name = path === '/' ? 'index.html' : path.slice('/page/'.length);
  if (!/^\w+\.(html|css|js|svg)$/.test(name)) return response.writeHead(404).end();
  const type = `${types[name.split('.')[1]]}; charset=utf-8`;
  response.writeHead(200, { 'content-type': type, 'content-security-policy': policy });
  return response.end(readFileSync(new URL(name, folder)));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await mock({ port: Number(process.argv[2] ?? 8190), key: process.argv[3] ?? null });
  console.log(`listening at ${url}`);
}

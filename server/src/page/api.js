// The server's API, as far as the page uses it. Its addresses are relative to where the page stands: a proxy may have
// put the whole server below a path.

import { events } from './events.js';
import * as key from './key.js';
import { sentence } from './wording.js';

const root = new URL('..', import.meta.url);

/** Why a request failed, in the server's words. */
export class Problem extends Error {
  constructor(message, { status = 0, fields = [], wait = null } = {}) {
    super(message);
    this.status = status;
    /** Names of the fields that are to blame. */
    this.fields = fields;
    /** Seconds after which it is worth asking again; null if that is not known. */
    this.wait = wait;
  }
}

// Every family of the API has its own shape of error; this finds the sentence in any of them.
function problem(body, status, wait = null) {
  const message = body?.message ?? body?.error?.message ?? body?.error;
  const told = typeof message === 'string' && message !== '';
  const words = told ? message : `The server answered ${status}`;
  const errors = Array.isArray(body?.errors) ? body.errors : [];
  return new Problem(sentence(words), { status, wait, fields: errors.map((error) => String(error).split(':')[0]) });
}

async function problemOf(response) {
  const body = await response.json().catch(() => null);
  const wait = Number.parseInt(response.headers.get('retry-after') ?? '', 10);
  return problem(body, response.status, Number.isNaN(wait) ? null : wait);
}

async function ask(path, options) {
  const headers = { ...options.headers };
  if (key.current() !== null) headers['x-api-key'] = key.current();
  try {
    return await fetch(new URL(path, root), { ...options, headers, cache: 'no-store', credentials: 'omit', redirect: 'error' });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Problem('The server cannot be reached. Is it still running?');
  }
}

/** Asks, and asks for the key where the server wants one. */
async function call(path, options = {}) {
  for (;;) {
    const used = key.current();
    const response = await ask(path, options);
    if (response.ok) {
      key.showForget();
      return response;
    }
    const refused = await problemOf(response);
    if (refused.status !== 401 || !(await key.renew(used))) throw refused;
    options.signal?.throwIfAborted();
  }
}

const json = async (path, options) => (await call(path, options)).json();
const image = (id) => `v1/images/${encodeURIComponent(id)}`;

/** Draws; gives `{ name, data }` for each event, the last of which is the image. */
export async function* imagine(request, signal) {
  const headers = { 'content-type': 'application/json', accept: 'text/event-stream' };
  const response = await call('v1/images/imagine', { method: 'POST', headers, body: JSON.stringify(request), signal });
  for await (const { name, data } of told(response.body)) {
    if (name === 'error') {
      const body = typeof data.error === 'object' ? data.error : data;
      throw problem(body, body.status);
    }
    yield { name, data };
    if (name === 'image') return;
  }
  throw new Problem('The server broke off before the picture was done.');
}

async function* told(body) {
  try {
    for await (const { name, data } of events(body)) yield { name, data: JSON.parse(data) };
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Problem('The connection broke before the picture was done.');
  }
}

/** The models, the first of which draws where none is named: `{ id, fulmen }` each. */
export const models = async () => (await json('v1/models')).data;

/** The LoRAs that prompts may name: `{ name, weightDefault, weightMin, weightMax }` each. */
export const loras = async () => (await json('elements')).loras;

/** A page of images: the first of a link, or the newest. */
export const list = (take, from) => json(`v1/images?${new URLSearchParams(from ? { take, from } : { take })}`);

/** The first image of the page that a link of a listing leads to. */
export const first = (link) => (link ? new URL(link, location.href).searchParams.get('from') : null);

export const bytes = async (id) => (await call(`${image(id)}/download`)).blob();
export const publish = (id) => json(`${image(id)}/publish`, { method: 'POST' });
export const unpublish = (id) => json(`${image(id)}/unpublish`, { method: 'POST' });
export const remove = (id) => call(image(id), { method: 'DELETE' });

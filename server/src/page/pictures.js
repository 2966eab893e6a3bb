// The bytes of pictures as addresses that <img> can show: an <img> by itself cannot send a key.

import * as api from './api.js';
import { build } from './dom.js';

/** How many are kept in memory; a page of the listing has fewer. */
const MOST = 32;

const kept = new Map();

/** The address of a picture's bytes within this page. */
export function address(id) {
  const found = kept.get(id) ?? api.bytes(id).then((blob) => URL.createObjectURL(blob));
  // The most recent is evicted last.
  kept.delete(id);
  kept.set(id, found);
  found.catch(() => kept.delete(id));
  for (const oldest of [...kept.keys()].slice(0, -MOST)) drop(oldest);
  return found;
}

/** Forgets a picture. */
export function drop(id) {
  kept.get(id)?.then((url) => URL.revokeObjectURL(url), () => {});
  kept.delete(id);
}

/** Gives a picture to the browser to keep as a file. */
export async function save(id, name) {
  build('a', { href: await address(id), download: name }).click();
}

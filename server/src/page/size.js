// The picture's size: a shape, numbers of one's own, or that of the init picture.

import { byId } from './dom.js';
import * as editing from './editing.js';
import { number } from './fields.js';
import * as init from './init.js';
import { limits } from './limits.js';

/** The shortest side that can be asked for. */
const SHORTEST = 64;

const [width, height, own] = ['width', 'height', 'own'].map(byId);
const shapes = [...document.querySelectorAll('input[name=shape]')];
const ownShape = own.querySelector('input');
const followers = [];

/** The size that was there before an init picture brought its own. */
let before = null;

/** Whether the picture has the size of the init picture. */
const isOwn = () => !own.hidden && ownShape.checked;

/** Calls this whenever the size is another. */
export const follow = (follower) => followers.push(follower);

/** The members of a request that say how large the picture is. */
export function members() {
  if (isOwn()) return {};
  const asked = { width: number('width', 'width'), height: number('height', 'height') };
  return init.current() ? { ...asked, fit: byId('fit').value } : asked;
}

/** How the init picture comes to the size: a `fit` of the server, or `own`, where it has that size already. */
export const fit = () => (isOwn() ? 'own' : byId('fit').value);

/** In words. */
export const words = () => `${width.value || '–'} × ${height.value || '–'}`;

function settle() {
  byId('fits').hidden = !init.current() || isOwn();
  // A frame of absurd proportions helps nobody who is still typing.
  const ratio = Number(width.value) / Number(height.value);
  if (ratio > 0.2 && ratio < 5) byId('frame').style.setProperty('--ratio', ratio);
  for (const follower of followers) follower();
}

// The init picture's size with what is drawn around it, as the server draws it.
function fill() {
  const { width: across, height: down } = init.current();
  const [left, top, right, bottom] = editing.typed();
  [width.value, height.value] = drawable(left + across + right, top + down + bottom);
  settle();
}

// In whole latents, which cover 8 pixels each way, and within what the fields may hold.
function drawable(...sides) {
  const factor = Math.min(1, limits.side / Math.max(...sides));
  return sides.map((side) => Math.max(SHORTEST, Math.floor((side * factor) / 8) * 8));
}

function choose(shape) {
  [width.value, height.value] = shape.value.split('x');
  settle();
}

let shown = null;

function changed() {
  const picture = init.current();
  if (picture !== shown) {
    if (picture && !shown) before = [width.value, height.value];
    shown = picture;
    own.hidden = !picture;
    if (picture) ownShape.checked = true;
    else if (ownShape.checked) return restore();
  }
  if (isOwn()) fill();
  else settle();
}

function restore() {
  [width.value, height.value] = before;
  mark();
}

// The shape of the numbers that were typed.
function mark() {
  for (const shape of shapes) shape.checked = shape.value === `${width.value}x${height.value}`;
  settle();
}

for (const shape of shapes) shape.addEventListener('change', () => (shape === ownShape ? fill() : choose(shape)));
for (const side of [width, height]) side.addEventListener('input', mark);
editing.follow(changed);
settle();

// Before and after: the init picture over what was drawn from it, with a slider between them.

import { announce, byId } from './dom.js';
import { percent } from './wording.js';

const [button, cover, canvas, split, result] = ['compare', 'before', 'before-picture', 'split', 'result'].map(byId);

/** A picture that differs from its size by less is cut, not scaled. */
const GRAIN = 8;

let before = null;

/** The picture that is shown can be compared with this one: `{ canvas, outpaint, fit }`; null: with none. */
export function offer(picture) {
  before = picture;
  button.hidden = picture === null;
  close();
}

/** Shows the picture alone. */
export function close() {
  cover.hidden = true;
  button.setAttribute('aria-pressed', 'false');
}

function open() {
  place();
  cover.hidden = false;
  button.setAttribute('aria-pressed', 'true');
  split.value = 50;
  move();
  split.focus({ preventScroll: true });
  announce('The init picture is on the left, what was drawn from it on the right.');
}

// The init picture where it lies in the result.
function place() {
  const [width, height] = [result.naturalWidth, result.naturalHeight];
  const [left, top, right, bottom] = before.outpaint ?? [0, 0, 0, 0];
  const { width: own, height: tall } = before.canvas;
  const [x, y] = scales([width, height], [left + own + right, top + tall + bottom]);
  Object.assign(canvas, { width, height });
  const from = [(width - (left + own + right) * x) / 2 + left * x, (height - (top + tall + bottom) * y) / 2 + top * y];
  canvas.getContext('2d').drawImage(before.canvas, ...from, own * x, tall * y);
}

// By what it was scaled each way, `from` its size with what was drawn around it `to` that of the result.
function scales(to, from) {
  const ratios = to.map((side, i) => side / from[i]);
  const whole = to.map((side, i) => side / Math.max(GRAIN, Math.floor(from[i] / GRAIN) * GRAIN));
  const all = { own: whole, stretch: ratios, pad: Array(2).fill(Math.min(...ratios)) };
  return all[before.fit] ?? Array(2).fill(Math.max(...ratios));
}

function move() {
  cover.style.setProperty('--split', split.value / 100);
  split.setAttribute('aria-valuetext', `${percent(split.value / 100)} init picture`);
}

split.addEventListener('input', move);
button.addEventListener('click', () => (cover.hidden ? open() : close()));

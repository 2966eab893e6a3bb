// The init picture: taken from a file, a drop, the clipboard or a picture of this server, and the mask on it.

import { announce, byId } from './dom.js';
import { limits } from './limits.js';
import { Mask } from './mask.js';
import { paint } from './painting.js';
import { read } from './reading.js';
import { percent } from './wording.js';

/** How dense the mask lies over the small picture in the form. */
const TINT = 0.6;

const [section, file] = ['init', 'init-file'].map(byId);
const followers = [];

let picture = null;
let mask = null;
let share = 0;
let turn = 0;

/** The init picture, or null. */
export const current = () => picture;

/** Whether anything of it is masked. */
export const isMasked = () => share > 0;

/** The mask in white on black; null where nothing is painted. */
export const painted = () => (share > 0 ? mask.inWhite() : null);

/** Calls this whenever the picture or its mask is another. */
export const follow = (follower) => followers.push(follower);

/** Takes a picture from a file as the init picture. */
export async function take(blob, name) {
  const mine = ++turn;
  wrong('');
  try {
    // A larger one would be scaled down there.
    const taken = await read(blob, name, limits.side);
    if (mine === turn) set(taken);
  } catch (error) {
    if (mine === turn) wrong(error.message);
  }
}

/** Takes a picture of this server as the init picture, and goes where it can be edited. */
export async function edit(blob, name) {
  await take(blob, name);
  section.scrollIntoView({ block: 'nearest' });
  (picture ? byId('mask-open') : byId('init-choose')).focus({ preventScroll: true });
}

function set(taken) {
  const hadFocus = section.contains(document.activeElement);
  picture = taken;
  mask = taken && new Mask(taken.width, taken.height);
  share = 0;
  byId('init-empty').hidden = Boolean(taken);
  byId('init-taken').hidden = !taken;
  show();
  if (hadFocus) byId(taken ? 'mask-open' : 'init-choose').focus();
  announce(taken ? `The init picture is ${taken.name}, ${facts(taken)}.` : 'There is no init picture any more.');
}

// Also where it will be seen that nobody can read it, and why.
function wrong(sentence) {
  byId('init-wrong').textContent = sentence;
  if (sentence) section.scrollIntoView({ block: 'nearest' });
}

function facts({ width, height, from }) {
  const scaled = from ? `, scaled down from ${from.width} × ${from.height}` : '';
  return `${width} × ${height}${scaled}`;
}

function show() {
  if (picture) {
    const shown = byId('init-shown');
    Object.assign(shown, { width: picture.width, height: picture.height });
    const context = shown.getContext('2d');
    context.drawImage(picture.canvas, 0, 0);
    context.globalAlpha = TINT;
    context.drawImage(mask.canvas, 0, 0);
    shown.setAttribute('aria-label', `The init picture: ${picture.name}`);
    byId('init-name').textContent = picture.name;
    byId('init-facts').textContent = facts(picture);
    byId('mask-facts').textContent = share > 0 ? `${percent(share)} of it is masked` : '';
    byId('mask-open').textContent = share > 0 ? 'Edit the mask' : 'Paint a mask';
  }
  for (const follower of followers) follower();
}

async function open() {
  await paint(picture, mask);
  share = mask.coverage();
  show();
}

const isPicture = (it) => it.type.startsWith('image/');
// What is no picture is taken if there is nothing else: it is answered with a sentence.
const chosen = (files) => [...files].find(isPicture) ?? files[0];

for (const id of ['init-choose', 'init-replace']) byId(id).addEventListener('click', () => file.click());
file.addEventListener('change', () => {
  const [it] = file.files;
  if (it) take(it, it.name);
  // The same file may be chosen again.
  file.value = '';
});
byId('init-remove').addEventListener('click', () => ((turn += 1), wrong(''), set(null)));
byId('mask-open').addEventListener('click', open);
byId('init-shown').addEventListener('click', open);

/* Dropped anywhere on the page */

const hasFiles = (event) => event.dataTransfer?.types.includes('Files');
// What is asked or painted in a dialog is about the picture that is there.
const isBusy = () => document.querySelector('dialog[open]') !== null;

document.addEventListener('dragover', (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  if (!isBusy()) section.classList.add('over');
});
document.addEventListener('dragleave', (event) => {
  if (!event.relatedTarget) section.classList.remove('over');
});
document.addEventListener('drop', (event) => {
  section.classList.remove('over');
  if (!hasFiles(event)) return;
  event.preventDefault();
  const it = chosen(event.dataTransfer.files);
  if (it && !isBusy()) take(it, it.name);
});

/* Pasted: into a text field only where the clipboard has no text for it */

document.addEventListener('paste', (event) => {
  const it = [...(event.clipboardData?.files ?? [])].find(isPicture);
  const isText = event.target.matches?.('input, textarea') && event.clipboardData.types.includes('text/plain');
  if (!it || isText || isBusy()) return;
  event.preventDefault();
  take(it, 'pasted picture');
});

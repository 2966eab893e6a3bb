// The dashboard: images by name, the newest first, and what can be done with each.

import * as api from './api.js';
import { announce, build, byId, icon } from './dom.js';
import { deleted, look } from './drawing.js';
import { edit } from './init.js';
import * as pictures from './pictures.js';
import { fileName, size, when } from './wording.js';

/** Images of one page of the listing. */
const TAKE = 12;

const cards = byId('cards');
const dialog = byId('delete-dialog');

let from = null;
let links = { previous: null, next: null };
let turn = 0;

/** Shows the newest images. */
export const newest = () => show(null);

async function show(first) {
  const mine = ++turn;
  try {
    const page = await api.list(TAKE, first);
    // An answer that a later request has overtaken is old news.
    if (mine === turn) fill(page, first);
  } catch (error) {
    // The image that a page began with may be gone: begin again with the newest.
    if (first !== null && error.status >= 400 && error.status < 500 && error.status !== 401) return show(null);
    if (mine === turn) refuse(error);
  }
}

function fill(page, first) {
  if (page.data.length === 0 && first !== null) return void show(null);
  from = first;
  links = page.links;
  note(page.data.length ? '' : 'Nothing here yet. What you draw is kept here under its name until you delete it.');
  byId('unlock').hidden = true;
  byId('newer').hidden = !links.previous;
  byId('older').hidden = !links.next;
  const old = new Map([...cards.children].map((card) => [card.dataset.id, card]));
  cards.replaceChildren(...page.data.map((image) => card(image, old.get(image.id))));
}

function refuse(error) {
  const locked = error.status === 401;
  byId('unlock').hidden = !locked;
  if (locked) cards.replaceChildren();
  note(locked ? 'Your images are shown to those who have the key.' : error.message);
}

function note(sentence) {
  byId('images-note').hidden = sentence === '';
  byId('images-note').textContent = sentence;
}

// A card that is there already is kept if nothing about it changed: no thumbnail blinks, no focus is lost.
function card(image, old) {
  const state = JSON.stringify(image);
  if (old?.dataset.state === state) return old;
  const words = build(
    'div',
    { class: 'words' },
    build('h3', { title: image.name }, image.name),
    build('p', { class: 'hint' }, `${image.width} × ${image.height} · ${size(image.size)}`),
    build('p', { class: 'hint' }, build('time', { dateTime: image.created_at }, when(image.created_at))),
  );
  const parts = [thumbnail(image, old), words, actions(image)];
  return build('li', { class: 'card', 'data-id': image.id, 'data-state': state }, ...parts);
}

function thumbnail(image, old) {
  const picture = old?.querySelector('img') ?? build('img', { alt: '', width: 256, height: 256 });
  if (!old) pictures.address(image.id).then((url) => (picture.src = url), () => {});
  const properties = { type: 'button', class: 'show', 'aria-label': `Show: ${image.name}`, 'data-act': 'Show' };
  const button = build('button', properties, picture);
  button.addEventListener('click', () => attempt(button, () => look(image)));
  const change = action(image, 'Edit', async () => edit(await api.bytes(image.id), image.name), 'pencil');
  return build('div', { class: 'thumbnail' }, button, ...(image.url ? [badge(image)] : []), change);
}

// Says that an image is public, and leads to what the public sees.
function badge({ name, url }) {
  const { protocol, href } = new URL(url, location.href);
  if (!['http:', 'https:'].includes(protocol)) return build('span', { class: 'badge' }, 'Public');
  const label = { class: 'badge', 'aria-label': `Public: ${name}`, title: 'Open what everyone sees' };
  return build('a', { ...label, href, target: '_blank', rel: 'noopener' }, 'Public');
}

// Many cards have a button of this word: its name says which image it is for.
function action(image, word, act, symbol) {
  const properties = { type: 'button', 'aria-label': `${word}: ${image.name}`, 'data-act': word };
  const made = build('button', symbol ? { ...properties, class: 'icon', title: word } : properties);
  made.append(symbol ? icon(symbol) : word);
  made.addEventListener('click', () => attempt(made, act));
  return made;
}

function actions(image) {
  const button = (word, act, symbol) => action(image, word, act, symbol);
  const open = image.url
    ? [button('Unpublish', () => publish(image, false)), button('Copy link', (it) => copy(it, image.url), 'link')]
    : [button('Publish', () => publish(image, true))];
  const keep = button('Download', () => pictures.save(image.id, fileName(image.name, image.format)), 'arrow-down');
  return build('div', { class: 'actions' }, ...open, keep, button('Delete', () => remove(image), 'bin'));
}

async function attempt(button, act) {
  // Not `disabled`, which would take the focus away.
  if (button.getAttribute('aria-disabled')) return;
  button.setAttribute('aria-disabled', 'true');
  try {
    await act(button);
  } catch (error) {
    note(error.message);
    announce(error.message);
  } finally {
    button.removeAttribute('aria-disabled');
  }
}

async function publish(image, open) {
  const changed = await (open ? api.publish(image.id) : api.unpublish(image.id));
  note('');
  const old = find(image.id);
  const made = card(changed, old);
  old.replaceWith(made);
  made.querySelector(`[data-act=${open ? 'Unpublish' : 'Publish'}]`).focus();
  announce(open ? 'Published: everyone who has the link can see it.' : 'Private again: the link leads nowhere now.');
}

const find = (id) => [...cards.children].find((card) => card.dataset.id === id);

async function copy(button, url) {
  await write(url);
  announce('The link is copied.');
  button.replaceChildren(icon('tick'));
  setTimeout(() => button.replaceChildren(icon('link')), 1500);
}

// Browsers lend the clipboard only to pages that came by TLS or from this machine; the old way works for all.
async function write(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = build('textarea', { class: 'unseen', value: text });
  const focused = document.activeElement;
  document.body.append(field);
  field.select();
  const copied = document.execCommand('copy');
  field.remove();
  focused.focus();
  if (!copied) throw new Error(`The browser did not let this page copy. The link is ${text}`);
}

async function remove(image) {
  if (!(await confirmed(image))) return;
  await api.remove(image.id);
  const gone = find(image.id);
  const beside = gone.nextElementSibling ?? gone.previousElementSibling;
  pictures.drop(image.id);
  gone.remove();
  (beside?.querySelector('[data-act=Delete]') ?? byId('images')).focus();
  announce(`Deleted: ${image.name}.`);
  deleted(image.id);
  await show(from === image.id ? (beside?.dataset.id ?? null) : from);
}

function confirmed(image) {
  const link = image.url ? ' Its public link stops working.' : '';
  byId('delete-text').textContent = `“${image.name}” cannot be brought back.${link}`;
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'delete'), { once: true });
  });
}

byId('delete-yes').addEventListener('click', () => dialog.close('delete'));
byId('delete-no').addEventListener('click', () => dialog.close());
for (const [id, link] of Object.entries({ newer: 'previous', older: 'next' })) {
  byId(id).addEventListener('click', async () => {
    await show(api.first(links[link]));
    byId('images').focus();
  });
}

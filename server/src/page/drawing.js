// One drawing: its progress, its previews, its picture.

import * as api from './api.js';
import * as compare from './compare.js';
import { announce, byId } from './dom.js';
import * as form from './form.js';
import * as init from './init.js';
import * as pictures from './pictures.js';
import { capital, fileName, place, sentence, size, stage } from './wording.js';

const [frame, bar, result, preview] = ['frame', 'bar', 'result', 'preview'].map(byId);

let abort = null;
let drawn = null;

/** Draws what the form asks for, unless something is being drawn. Gives `done`, `stopped`, `refused` or `busy`. */
export async function draw() {
  if (abort) return 'busy';
  form.content();
  try {
    const [request, before] = [form.request(), form.before()];
    begin();
    await follow(request, before, abort.signal);
    return 'done';
  } catch (error) {
    if (error.name !== 'AbortError') {
      form.complain(error);
      return 'refused';
    }
    announce('Stopped.');
    return 'stopped';
  } finally {
    end();
  }
}

/** Hangs up, whereupon the server stops drawing. */
export const stop = () => abort?.abort();

/** Draws once more with the seed of the picture that is shown. */
export function again() {
  form.fixSeed(drawn.seed);
  return draw();
}

/** Gives the picture that is shown to the browser to keep. */
export const save = () => pictures.save(drawn.image.id, fileName(drawn.image.name, drawn.image.format));

/** Takes the picture that is shown as the next init picture. */
export const edit = async () => init.edit(await api.bytes(drawn.image.id), drawn.image.name);

/** The picture that is shown was deleted. */
export function deleted(id) {
  if (drawn?.image.id !== id) return;
  drawn = null;
  result.hidden = true;
  compare.offer(null);
  rest();
}

function begin() {
  abort = new AbortController();
  compare.close();
  frame.classList.add('drawing');
  byId('draw').setAttribute('aria-disabled', 'true');
  byId('draw-word').textContent = 'Drawing…';
  byId('done').hidden = true;
  byId('progress').hidden = false;
  tell('sending', null);
  byId('progress').scrollIntoView({ block: 'nearest' });
}

function end() {
  const stopped = document.activeElement === byId('stop');
  abort = null;
  frame.classList.remove('drawing');
  byId('draw').removeAttribute('aria-disabled');
  byId('draw-word').textContent = 'Draw';
  byId('progress').hidden = true;
  preview.hidden = true;
  preview.removeAttribute('src');
  document.title = 'Fulmen';
  rest();
  if (stopped) byId('draw').focus();
}

function rest() {
  byId('done').hidden = drawn === null;
  byId('empty').hidden = drawn !== null;
}

async function follow(request, before, signal) {
  const started = performance.now();
  let { steps = 4 } = request;
  let step = 0;
  const warnings = [];
  for await (const { name, data } of api.imagine(request, signal)) {
    // The bar counts the prompt and the decoding as a step each.
    const done = { text: 0, encode: 1, denoise: 1 + step, decode: 1 + steps, upscale: 1 + steps };
    if (name === 'warning') warnings.push(data.message);
    if (name === 'queued') tell(place(data.position), null);
    if (name === 'stage') tell(stage(data.stage), done[data.stage] ?? null, steps + 2);
    if (name === 'step') {
      ({ step, steps } = data);
      tell(`step ${step} of ${steps}`, 1 + step, steps + 2);
    }
    if (name === 'tile') tell(`upscaling, tile ${data.tile} of ${data.tiles}`, 1 + steps + data.tile / data.tiles, steps + 2);
    if (name === 'preview') foretaste(data, step, steps);
    if (name !== 'image') continue;
    const { image, seed = request.seed } = data;
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    const all = `Seed ${seed} · ${facts(image)} · ${seconds} s`;
    await show({ image, seed, facts: all, warnings, before }, request.prompt, signal);
    announce([`The picture is done: ${image.name}.`, ...warnings].join(' '));
  }
}

/** Shows an image of the dashboard. Nobody remembers its seed. */
export async function look(image) {
  await show({ image, seed: null, facts: facts(image), warnings: [] }, image.name);
  rest();
  frame.focus();
}

// `done` of `all`, or null where nobody knows how long it takes.
function tell(words, done, all) {
  byId('stage').textContent = capital(words);
  document.title = `${capital(words)} – Fulmen`;
  if (done === null) bar.removeAttribute('value');
  else [bar.max, bar.value] = [all, done];
  announce(words);
}

function foretaste({ b64_json }, step, steps) {
  preview.src = `data:image/png;base64,${b64_json}`;
  preview.alt = `Preview at step ${step} of ${steps}`;
  preview.hidden = false;
  byId('empty').hidden = true;
}

const facts = (image) => `${image.width} × ${image.height} · ${size(image.size)}`;

async function show(picture, alt, signal) {
  const { image, seed } = picture;
  const url = await pictures.address(image.id);
  signal?.throwIfAborted();
  result.src = url;
  result.alt = alt;
  await result.decode();
  drawn = picture;
  result.hidden = false;
  frame.style.setProperty('--ratio', image.width / image.height);
  compare.offer(picture.before ?? null);
  byId('again').hidden = seed === null;
  byId('caption').textContent = image.name;
  byId('facts').textContent = picture.facts;
  byId('warnings').textContent = picture.warnings.map(sentence).join(' ');
}

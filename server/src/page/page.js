// The page: joins the form, the drawing and the dashboard, and says which model draws.

import * as api from './api.js';
import { byId } from './dom.js';
import * as drawing from './drawing.js';
import * as form from './form.js';
import * as images from './images.js';
import * as offers from './offers.js';
import { sentence } from './wording.js';

const demo = {
  Star: 'a yellow star on a purple background',
  Heart: 'a big pink heart on a white background',
  Dots: 'a white star on a dotted red background',
  'Two shapes': 'a red square to the left of a blue circle',
  Mountains: 'snowy mountains at sunset',
  Night: 'a house with a blue roof at night',
  Sailboat: 'a sailboat with red sails',
  Cat: 'an orange cat on a blue background',
};
const real = {
  Lighthouse: 'a lighthouse at dawn, oil painting',
  Cat: 'a majestic cat in the snow',
  Teapot: 'a glass teapot with blooming tea, soft window light, photograph',
  Harbour: 'a fishing harbour in the rain, watercolour',
  Forest: 'a moss forest with a stone bridge, morning mist',
};

let introduced = false;

/** Which model draws, and what it is good at. */
function introduce({ id, fulmen = {} }) {
  byId('model').textContent = id;
  byId('model-note').textContent = fulmen.note ? sentence(fulmen.note) : '';
  byId('own-steps').textContent = fulmen.steps ? `, ${fulmen.steps} steps` : '';
  byId('grammar').hidden = !fulmen.demo;
  if (fulmen.demo) form.suggest('a red circle on a blue background', demo);
  else form.suggest('a lighthouse at dawn, oil painting', real);
}

async function ask() {
  if (introduced) return;
  await offers.ask((model) => {
    introduced = true;
    introduce(model);
  });
}

/** What is shown before anything is asked for. */
function begin() {
  // Who does not give the key was told already, by the dashboard.
  ask().catch((error) => error.status === 401 || form.complain(error));
  images.newest();
}

async function draw(act = drawing.draw) {
  const end = await act();
  // A picture may have been done in the moment in which it was stopped.
  if (end === 'done' || end === 'stopped') begin();
}

byId('form').addEventListener('submit', (event) => {
  event.preventDefault();
  draw();
});
byId('form').addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  draw();
});
byId('stop').addEventListener('click', drawing.stop);
byId('again').addEventListener('click', () => draw(drawing.again));
byId('edit').addEventListener('click', () => drawing.edit().catch(form.complain));
byId('unlock').addEventListener('click', begin);
byId('save').addEventListener('click', () => drawing.save().catch(form.complain));

// The key that draws together with Enter has another name there; both draw everywhere.
if (/^(Mac|iP)/.test(navigator.platform)) byId('modifier').textContent = '⌘';
begin();

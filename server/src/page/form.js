// The form: what is asked for, and where the server's complaint about it is shown.

import { announce, build, byId } from './dom.js';
import * as editing from './editing.js';
import { blame, fieldOf, forgive, number } from './fields.js';
import * as init from './init.js';
import * as offers from './offers.js';
import * as pictureSize from './size.js';
import { shortName } from './wording.js';

/** How many step previews are asked for. */
const PREVIEWS = 8;
/** Seeds that a page chooses: few digits to copy, and exact in every JSON reader. */
const SEEDS = 2 ** 32;

const texts = ['prompt', 'name', 'negative_prompt'];
const numbers = { steps: 'number of steps', guidance_scale: 'guidance' };
const random = byId('random');

/** The request that the form describes. Its seed is always there, so that the picture can be drawn again. */
export function request() {
  const [prompt, name, negative] = texts.map((id) => byId(id).value.trim());
  const asked = { name: name || shortName(prompt), prompt, previews: PREVIEWS };
  if (negative) asked.negative_prompt = negative;
  for (const [id, what] of Object.entries(numbers)) asked[id] = number(id, what);
  if (!random.checked) asked.seed = number('seed', 'seed');
  asked.seed ??= crypto.getRandomValues(new Uint32Array(1))[0] % SEEDS;
  return { ...asked, ...pictureSize.members(), ...offers.members(), ...editing.members() };
}

/** What a request of now begins from, for comparing; null if it is nothing. */
export function before() {
  const picture = init.current();
  if (!picture) return null;
  // The masked part alone is put back into the picture, whose size stays.
  const fit = editing.isCloser() ? 'stretch' : pictureSize.fit();
  return { canvas: picture.canvas, outpaint: editing.outpaint(), fit };
}

/** The next pictures are drawn with this seed. */
export function fixSeed(seed) {
  random.checked = false;
  byId('seed').value = seed;
  settle();
}

/** Says what is wrong; goes to the field that is to blame. */
export function complain(problem) {
  const field = problem.fields?.map(fieldOf).find(Boolean);
  byId('problem').hidden = false;
  byId('problem-text').textContent = problem.message;
  byId('problem-wait').hidden = problem.wait == null;
  if (problem.wait != null) countDown(problem.wait);
  if (field) blame(field);
}

/** Takes the complaint back. */
export function content() {
  clearInterval(ticking);
  byId('problem').hidden = true;
  byId('problem-text').textContent = '';
  forgive();
}

let ticking;

// Outside the alert, or a screen reader would read every second aloud.
function countDown(seconds) {
  const until = Date.now() + seconds * 1000;
  const tell = () => {
    const left = Math.ceil((until - Date.now()) / 1000);
    byId('problem-wait').textContent = left > 0 ? `Worth trying again in ${left} s.` : 'You can try again now.';
    if (left > 0) return;
    clearInterval(ticking);
    announce('You can try again now.');
  };
  clearInterval(ticking);
  ticking = setInterval(tell, 250);
  tell();
}

/** Prompts to try, of which the first is the example in the empty field. */
export function suggest(example, prompts) {
  byId('prompt').placeholder = example;
  const chips = Object.entries(prompts).map(([word, prompt]) => {
    const chip = build('button', { type: 'button', class: 'chip', title: prompt }, word);
    chip.addEventListener('click', () => {
      byId('prompt').value = prompt;
      announce(`The prompt is now: ${prompt}.`);
    });
    return chip;
  });
  byId('chips').replaceChildren(...chips);
}

// What follows from the fields: the line beside "More".
function settle() {
  byId('seed').disabled = random.checked;
  const seed = byId('seed').value;
  const of = random.checked || seed === '' ? 'a new seed each time' : `seed ${seed}`;
  byId('summary').textContent = `${pictureSize.words()}, ${of}`;
}

for (const id of ['seed', 'random']) byId(id).addEventListener('input', settle);
pictureSize.follow(settle);
random.addEventListener('change', () => {
  if (!random.checked) byId('seed').focus();
});
byId('form').addEventListener('input', (event) => forgive(event.target));
settle();

// The form: what is asked for, and where the server's complaint about it is shown.

import { Problem } from './api.js';
import { announce, build, byId } from './dom.js';
import { shortName } from './wording.js';

/** How many step previews are asked for. */
const PREVIEWS = 8;
/** Seeds that a page chooses: few digits to copy, and exact in every JSON reader. */
const SEEDS = 2 ** 32;

const texts = ['prompt', 'name', 'negative_prompt'];
const numbers = { width: 'width', height: 'height', steps: 'number of steps', guidance_scale: 'guidance', seed: 'seed' };
const random = byId('random');

/** The request that the form describes. Its seed is always there, so that the picture can be drawn again. */
export function request() {
  const [prompt, name, negative] = texts.map((id) => byId(id).value.trim());
  const asked = { name: name || shortName(prompt), prompt, previews: PREVIEWS };
  if (negative) asked.negative_prompt = negative;
  for (const [id, what] of Object.entries(numbers)) {
    const input = byId(id);
    if (input.disabled) continue;
    if (input.validity.badInput) throw new Problem(`The ${what} must be a number.`, { fields: [id] });
    if (input.value !== '') asked[id] = Number(input.value);
  }
  asked.seed ??= crypto.getRandomValues(new Uint32Array(1))[0] % SEEDS;
  return asked;
}

/** The next pictures are drawn with this seed. */
export function fixSeed(seed) {
  random.checked = false;
  byId('seed').value = seed;
  settle();
}

/** Says what is wrong; goes to the field that is to blame. */
export function complain(problem) {
  const field = problem.fields?.map(byId).find((element) => element?.form?.id === 'form');
  byId('problem').hidden = false;
  byId('problem-text').textContent = problem.message;
  byId('problem-wait').hidden = problem.wait == null;
  if (problem.wait != null) countDown(problem.wait);
  if (!field) return;
  if (byId('more').contains(field)) byId('more').open = true;
  field.setAttribute('aria-invalid', 'true');
  field.focus();
}

/** Takes the complaint back. */
export function content() {
  clearInterval(ticking);
  byId('problem').hidden = true;
  byId('problem-text').textContent = '';
  for (const id of [...texts, ...Object.keys(numbers)]) byId(id).removeAttribute('aria-invalid');
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

const shapes = () => [...document.querySelectorAll('input[name=shape]')];

// What follows from the fields: the chosen shape, the frame's proportions, the line beside "More".
function settle() {
  const [width, height] = ['width', 'height'].map((id) => Number(byId(id).value));
  for (const shape of shapes()) shape.checked = shape.value === `${width}x${height}`;
  byId('seed').disabled = random.checked;
  const seed = byId('seed').value;
  const of = random.checked || seed === '' ? 'a new seed each time' : `seed ${seed}`;
  byId('summary').textContent = `${width || '–'} × ${height || '–'}, ${of}`;
  // A frame of absurd proportions helps nobody who is still typing.
  const ratio = width / height;
  if (ratio > 0.2 && ratio < 5) byId('frame').style.setProperty('--ratio', ratio);
}

for (const shape of shapes()) {
  shape.addEventListener('change', () => {
    [byId('width').value, byId('height').value] = shape.value.split('x');
    settle();
  });
}
for (const id of ['width', 'height', 'seed', 'random']) byId(id).addEventListener('input', settle);
random.addEventListener('change', () => {
  if (!random.checked) byId('seed').focus();
});
byId('form').addEventListener('input', (event) => event.target.removeAttribute('aria-invalid'));
settle();

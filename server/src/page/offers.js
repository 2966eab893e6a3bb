// What more the server offers: models to choose from, LoRAs, sizes to enlarge to; hidden where there is nothing to choose.

import * as api from './api.js';
import { build, byId } from './dom.js';
import { number } from './fields.js';
import { learn, limits } from './limits.js';

/** Ratios of `upscale` to choose from, as far as the server goes. */
const RATIOS = [1.5, 2, 3, 4];

const choice = byId('model-choice');

let models = [];

/** The members of a request that say what of it is used. */
export function members() {
  const asked = {};
  if (models.length > 1) asked.model = choice.value;
  if (byId('upscale').value) asked.upscale = Number(byId('upscale').value);
  if (byId('tile').value) asked.tile = byId('tile').value;
  if (byId('transparent').checked) asked.transparent = true;
  const loras = [...byId('lora-list').querySelectorAll(':checked')].map((box) => ({ name: box.value, weight: weight(box) }));
  return loras.length ? { ...asked, loras } : asked;
}

const weight = (box) => number(box.dataset.weight, `weight of ${box.value}`) ?? 1;

/** Asks the server for them. `introduce` is told of the model that draws, now and whenever it is another. */
export async function ask(introduce) {
  models = await api.models();
  choice.replaceChildren(...models.map(({ id }) => build('option', { value: id }, id)));
  byId('models').hidden = models.length < 2;
  const chosen = () => models.find(({ id }) => id === choice.value);
  const tell = () => {
    const { fulmen = {} } = chosen();
    learn(fulmen.limits);
    enlarge();
    byId('upscale-hint').textContent = fulmen.upscaler ? `By ${fulmen.upscaler}.` : '';
    introduce(chosen());
  };
  choice.addEventListener('change', tell);
  tell();
  // A server without LoRAs is a server all the same.
  list(await api.loras().catch(() => []));
}

function enlarge() {
  const asked = byId('upscale').value;
  const options = RATIOS.filter((ratio) => ratio <= limits.upscale).map((ratio) => build('option', { value: ratio }, `${ratio} times`));
  byId('upscale').replaceChildren(build('option', { value: '' }, 'No'), ...options);
  byId('upscale').value = options.some(({ value }) => value === asked) ? asked : '';
}

function list(loras) {
  byId('lora-set').hidden = loras.length === 0;
  byId('lora-list').replaceChildren(...loras.map(row));
}

// A LoRA and its weight, which counts once the LoRA is chosen.
function row({ name, weightDefault = 1, weightMin = -2, weightMax = 2 }, at) {
  const box = build('input', { type: 'checkbox', name: 'loras', value: name, 'data-weight': `lora-${at}` });
  const range = { min: weightMin, max: weightMax, step: 0.05, value: weightDefault };
  const input = build('input', { type: 'number', id: `lora-${at}`, inputMode: 'decimal', disabled: true, ...range });
  input.setAttribute('aria-label', `Weight of ${name}`);
  box.addEventListener('input', () => (input.disabled = !box.checked));
  return build('li', {}, build('label', { class: 'check' }, box, build('span', {}, name)), input);
}

// What is done with the init picture: how much of it is drawn anew, which part, and what is drawn around it.

import { byId } from './dom.js';
import { number } from './fields.js';
import * as init from './init.js';
import { dataUri } from './reading.js';

/** The strength where nobody moved the slider: of a whole picture, and where the rest of it stays anyway. */
const STRENGTH = 0.75;
const STRENGTH_OF_PART = 1;

const strength = byId('strength');
const sides = ['left', 'top', 'right', 'bottom'];
const followers = [];

let isMoved = false;

/** Calls this whenever what is drawn around the picture is more or less. */
export const follow = (follower) => followers.push(follower);

/** Pixels beyond the sides, in the server's order; null where there are none. */
export function outpaint() {
  if (!init.current()) return null;
  const pixels = sides.map((side) => number(`outpaint-${side}`, `number of pixels (${side})`) ?? 0);
  return pixels.some(Boolean) ? pixels : null;
}

/** Whether the masked part is drawn alone, and put back. */
export const isCloser = () => init.isMasked() && byId('closer').checked;

/** The members of a request that say what is drawn over. */
export function members() {
  const picture = init.current();
  if (!picture) return {};
  // It is the same for as long as the picture is.
  picture.uri ??= dataUri(picture.canvas);
  const asked = { image: picture.uri, strength: Number(strength.value), ...masked(picture) };
  const around = outpaint();
  return around ? { ...asked, outpaint: around } : asked;
}

function masked(picture) {
  const painted = init.painted();
  if (!painted) return picture.hasHoles && byId('mask-alpha').checked ? { mask: 'alpha' } : {};
  const asked = { mask: dataUri(painted) };
  const blur = number('mask_blur', 'mask blur');
  if (blur) asked.mask_blur = blur;
  if (isCloser()) asked.only_masked = number('only_masked', 'padding') ?? 0;
  return asked;
}

/** The same while somebody may still be typing. */
export const typed = () => sides.map((side) => Number(byId(`outpaint-${side}`).value) || 0);

function settle() {
  const picture = init.current();
  const isPainted = init.isMasked();
  byId('mask-more').hidden = !isPainted;
  byId('holes').hidden = !picture?.hasHoles || isPainted;
  byId('only_masked').disabled = !byId('closer').checked;
  const [left, top, right, bottom] = typed();
  const isAround = left + top + right + bottom > 0;
  const size = picture && `to ${picture.width + left + right} × ${picture.height + top + bottom}`;
  byId('outpaint-summary').textContent = isAround && size ? size : '';
  const isPart = isAround || isPainted || (picture?.hasHoles && byId('mask-alpha').checked);
  if (!isMoved) strength.value = isPart ? STRENGTH_OF_PART : STRENGTH;
  byId('strength-value').textContent = Number(strength.value).toFixed(2);
  for (const follower of followers) follower();
}

strength.addEventListener('input', () => ((isMoved = true), settle()));
for (const side of sides) byId(`outpaint-${side}`).addEventListener('input', settle);
for (const id of ['mask-alpha', 'closer']) byId(id).addEventListener('input', settle);
init.follow(() => {
  // What was drawn around the one before says nothing of the next.
  if (!init.current()) for (const side of sides) byId(`outpaint-${side}`).value = '';
  settle();
});
settle();

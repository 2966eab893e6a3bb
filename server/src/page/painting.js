// The dialog in which a mask is painted: by mouse, pen and finger, and by the keyboard, which moves a brush over the picture.

import { announce, build, byId } from './dom.js';
import { percent } from './wording.js';

const [dialog, easel, canvas, brush, size] = ['mask-dialog', 'easel', 'mask-canvas', 'brush', 'brush-size'].map(byId);
const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** How far an arrow key moves, in diameters of the brush: by itself, and with Shift. */
const STEP = 0.25;
const STRIDE = 1.5;
/** What a key adds to the size of the brush, in the slider's steps. */
const GROWTH = 3;

let mask;
/** Where the brush of the keyboard is, in pixels of the picture, and whether it paints as it moves. */
let at;
let isDown;
/** The pointer that paints. */
let pointer = null;
/** Stripes over what is painted, which are seen on a picture of any colour. */
let stripes;
let refreshing = null;

/** Opens the dialog on a picture and its mask. Ends when it is closed; all that was painted then is in the mask. */
export function paint(picture, of) {
  mask = of;
  at = [picture.width / 2, picture.height / 2];
  isDown = false;
  for (const element of [byId('mask-under'), canvas]) {
    Object.assign(element, { width: picture.width, height: picture.height });
  }
  byId('mask-under').getContext('2d').drawImage(picture.canvas, 0, 0);
  stripes = pattern(Math.ceil(Math.max(picture.width, picture.height) / 64));
  refresh();
  easel.style.setProperty('--ratio', picture.width / picture.height);
  dialog.showModal();
  canvas.focus();
  return new Promise((closed) => {
    dialog.addEventListener('close', () => (leave(), closed()), { once: true });
  });
}

// In pixels of the picture: the slider counts in hundredths of its shorter side.
const diameter = () => Math.max(1, (Math.min(canvas.width, canvas.height) * Number(size.value)) / 100);
const erases = () => byId('mask-erase').checked;

function pattern(side) {
  const tile = build('canvas', { width: side, height: side });
  const context = tile.getContext('2d');
  context.strokeStyle = 'rgb(255 255 255 / 45%)';
  context.lineWidth = side / 5;
  // From corner to corner, and once more at both sides, so that the tiles fit together.
  for (const shift of [-side, 0, side]) {
    context.moveTo(shift - side, side * 2);
    context.lineTo(shift + side * 2, -side);
  }
  context.stroke();
  return context.createPattern(tile, 'repeat');
}

// Once a frame, however fast the pointer is.
function refresh() {
  refreshing ??= requestAnimationFrame(() => {
    refreshing = null;
    const context = canvas.getContext('2d');
    context.globalCompositeOperation = 'copy';
    context.drawImage(mask.canvas, 0, 0);
    context.globalCompositeOperation = 'source-atop';
    context.fillStyle = stripes;
    context.fillRect(0, 0, canvas.width, canvas.height);
  });
}

function begin() {
  mask.begin({ diameter: diameter(), erase: erases() });
}

function to(x, y) {
  mask.to(x, y);
  refresh();
}

const covered = () => `${percent(mask.coverage())} of the picture is masked.`;

// Where the brush is shown, in shares of the picture.
function show(x, y) {
  brush.hidden = false;
  brush.classList.toggle('down', isDown || pointer !== null);
  const shares = { '--x': x / canvas.width, '--y': y / canvas.height, '--diameter': diameter() / canvas.width };
  for (const [name, share] of Object.entries(shares)) brush.style.setProperty(name, share);
}

function leave() {
  pointer = null;
  brush.hidden = true;
}

/* Mouse, pen, finger */

function place(event) {
  const { left, top, width, height } = canvas.getBoundingClientRect();
  return [((event.clientX - left) / width) * canvas.width, ((event.clientY - top) / height) * canvas.height];
}

canvas.addEventListener('pointerdown', (event) => {
  if (!event.isPrimary || event.button !== 0) return;
  canvas.setPointerCapture(event.pointerId);
  pointer = event.pointerId;
  isDown = false;
  at = place(event);
  begin();
  to(...at);
  show(...at);
});
canvas.addEventListener('pointermove', (event) => {
  // While the brush of the keyboard is down, a pointer that only passes does not move it.
  if (!event.isPrimary || (isDown && pointer === null)) return;
  const seen = event.getCoalescedEvents?.() ?? [];
  at = place(event);
  if (event.pointerId === pointer) for (const point of seen.length ? seen : [event]) to(...place(point));
  show(...at);
});
for (const end of ['pointerup', 'pointercancel']) {
  canvas.addEventListener(end, (event) => {
    if (event.pointerId !== pointer) return;
    pointer = null;
    // A finger that is lifted hovers over nothing.
    if (event.pointerType === 'touch') leave();
    else show(...at);
    announce(covered());
  });
}
canvas.addEventListener('pointerleave', () => pointer === null && document.activeElement !== canvas && leave());

/* Keyboard */

// A screen reader cannot see it: where the brush is, and what it does.
function where() {
  const [x, y] = [at[0] / canvas.width, at[1] / canvas.height];
  const what = isDown ? (erases() ? 'Erasing' : 'Painting') : 'Brush';
  return `${what} at ${percent(x)} from the left, ${percent(y)} from the top.`;
}

function move([across, down], far) {
  const step = diameter() * (far ? STRIDE : STEP);
  const within = (value, most) => Math.min(most, Math.max(0, value));
  at = [within(at[0] + across * step, canvas.width), within(at[1] + down * step, canvas.height)];
  if (isDown) to(...at);
  announce(where());
}

function press() {
  isDown = !isDown;
  if (isDown) {
    begin();
    to(...at);
  }
  announce(isDown ? where() : `Brush lifted. ${covered()}`);
}

// What is painted from now on is painted otherwise: a new stroke, if the brush is down.
function renew() {
  if (isDown) begin();
}

function swap() {
  byId(erases() ? 'mask-paint' : 'mask-erase').checked = true;
  renew();
  announce(erases() ? 'The brush erases.' : 'The brush paints.');
}

function grow(by) {
  size.value = Number(size.value) + by;
  renew();
  announce(`Brush size ${size.value}.`);
}

function undo() {
  isDown = false;
  const undone = mask.undo();
  refresh();
  announce(undone ? `Undone. ${covered()}` : 'There is nothing to undo.');
}

function clear() {
  isDown = false;
  mask.clear();
  refresh();
  announce('The mask is empty.');
}

const keys = { ' ': press, e: swap, '[': () => grow(-GROWTH), ']': () => grow(GROWTH), z: undo };

canvas.addEventListener('keydown', (event) => {
  const arrow = arrows[event.key];
  const act = keys[event.key.toLowerCase()];
  const isUndo = event.key.toLowerCase() === 'z';
  if ((!arrow && !act) || event.altKey || ((event.ctrlKey || event.metaKey) && !isUndo)) return;
  event.preventDefault();
  if (arrow) move(arrow, event.shiftKey);
  // Held down, it would go down and up all the time.
  else if (!event.repeat || act !== press) act();
  show(...at);
});
canvas.addEventListener('focus', () => canvas.matches(':focus-visible') && show(...at));
canvas.addEventListener('blur', () => {
  isDown = false;
  leave();
});

size.addEventListener('input', () => brush.hidden || show(...at));
byId('mask-undo').addEventListener('click', undo);
byId('mask-clear').addEventListener('click', clear);
byId('mask-done').addEventListener('click', () => dialog.close());

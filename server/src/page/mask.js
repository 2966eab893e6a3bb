// The mask: what of a picture is drawn anew, kept as the strokes that it was painted with.

import { build } from './dom.js';

/** Shown over the picture, and seen on most. */
const TINT = '#f0489b';
/** Half opaque counts as painted, as it does for the model. */
const PAINTED = 127;

export class Mask {
  #strokes = [];
  #context;

  constructor(width, height) {
    this.canvas = build('canvas', { width, height });
    // It is read after every stroke.
    this.#context = this.canvas.getContext('2d', { willReadFrequently: true });
    this.#context.lineCap = 'round';
  }

  /** Begins a stroke of a brush with this diameter; `to` draws it. */
  begin({ diameter, erase }) {
    this.#strokes.push({ diameter, erase, points: [] });
  }

  /** Draws the stroke up to here. */
  to(x, y) {
    const stroke = this.#strokes.at(-1);
    stroke.points.push([x, y]);
    this.#draw(stroke, stroke.points.length - 1);
  }

  /** Takes the last stroke back. False if there is none. */
  undo() {
    if (!this.#strokes.length) return false;
    this.#strokes.pop();
    this.#wipe();
    for (const stroke of this.#strokes) {
      if (stroke.clears) this.#wipe();
      else stroke.points.forEach((_, at) => this.#draw(stroke, at));
    }
    return true;
  }

  /** Wipes all of it away, which can be undone. */
  clear() {
    this.#strokes.push({ clears: true });
    this.#wipe();
  }

  /** The share of the picture that is painted, 0 to 1. */
  coverage() {
    const { data } = this.#context.getImageData(0, 0, this.canvas.width, this.canvas.height);
    let painted = 0;
    for (let at = 3; at < data.length; at += 4) if (data[at] > PAINTED) painted += 1;
    return painted / (data.length / 4);
  }

  /** As the server takes it, in a canvas: white where it is painted, black elsewhere. */
  inWhite() {
    const { width, height } = this.canvas;
    const canvas = build('canvas', { width, height });
    const context = canvas.getContext('2d');
    const fill = (colour, composite) => {
      context.globalCompositeOperation = composite;
      context.fillStyle = colour;
      context.fillRect(0, 0, width, height);
    };
    context.drawImage(this.canvas, 0, 0);
    fill('#fff', 'source-in');
    fill('#000', 'destination-over');
    return canvas;
  }

  #wipe() {
    this.#context.clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  // The part of a stroke that leads to this point.
  #draw({ diameter, erase, points }, at) {
    const context = this.#context;
    const [x, y] = points[at];
    const [fromX, fromY] = points[Math.max(0, at - 1)];
    context.globalCompositeOperation = erase ? 'destination-out' : 'source-over';
    context.fillStyle = context.strokeStyle = TINT;
    context.lineWidth = diameter;
    context.beginPath();
    context.moveTo(fromX, fromY);
    context.lineTo(x, y);
    context.stroke();
    // A line of no length is not drawn by every browser.
    context.beginPath();
    context.arc(x, y, diameter / 2, 0, 2 * Math.PI);
    context.fill();
  }
}

// Pictures from files: decoded by the browser, upright as their EXIF says, no larger than the server draws, as PNG.

import { Problem } from './api.js';
import { build } from './dom.js';

/** A picture in memory: `canvas` with `width` and `height`, and the size `from` which it was scaled down, if it was. */
export async function read(file, name, longest) {
  const bitmap = await createImageBitmap(file, { imageOrientation: 'from-image' }).catch(() => null);
  if (!bitmap) throw new Problem(`“${name}” is not a picture that this browser can read. PNG, JPEG and WebP are.`, { fields: ['image'] });
  const [width, height] = fitted(bitmap.width, bitmap.height, longest);
  const canvas = drawn(width, height, bitmap);
  const from = width === bitmap.width && height === bitmap.height ? null : { width: bitmap.width, height: bitmap.height };
  bitmap.close();
  return { name, canvas, width, height, from, hasHoles: hasHoles(canvas) };
}

// Its size if no side may be longer than that.
function fitted(width, height, longest) {
  const factor = Math.min(1, longest / Math.max(width, height));
  return [width, height].map((side) => Math.max(1, Math.round(side * factor)));
}

// A canvas of this size, with a picture drawn over all of it.
function drawn(width, height, picture) {
  const canvas = build('canvas', { width, height });
  const context = canvas.getContext('2d');
  context.imageSmoothingQuality = 'high';
  context.drawImage(picture, 0, 0, width, height);
  return canvas;
}

// Whether some of its pixels are not there at all.
function hasHoles(canvas) {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  for (let at = 3; at < data.length; at += 4) if (data[at] === 0) return true;
  return false;
}

/** A canvas as the data URI of a PNG, as which the server takes pictures. */
export const dataUri = (canvas) => canvas.toDataURL('image/png');

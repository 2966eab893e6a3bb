// Init pictures for the tests: given to the page as people give them, and read from what the page sends.

import { png } from './png.js';

const red = [220, 40, 40];
const blue = [30, 60, 200];

/** A file of a picture whose left half is red and whose right half is blue. */
export const halves = (width, height, name = 'halves.png') => ({
  name,
  mimeType: 'image/png',
  buffer: png(width, height, (x) => (x < width / 2 ? red : blue)),
});

/** Gives the page a file as its init picture, and waits until it is there. */
export async function take(page, file) {
  await page.setInputFiles('#init-file', file);
  await page.locator('#init-name', { hasText: file.name }).waitFor();
}

/** Presses Draw, and gives the request that the page sends. */
export async function sent(page, prompt = 'a red circle on a blue background') {
  await page.fill('#prompt', prompt);
  const [request] = await Promise.all([page.waitForRequest('**/v1/images/imagine'), page.click('#draw')]);
  return request.postDataJSON();
}

/** A picture in a data URI as the browser reads it: its size, and `at(x, y)`, a pixel of it. */
export async function read(page, uri) {
  const { width, height, data } = await page.evaluate(async (uri) => {
    const image = new Image();
    image.src = uri;
    await image.decode();
    const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    const { width, height, data } = context.getImageData(0, 0, canvas.width, canvas.height);
    return { width, height, data: [...data] };
  }, uri);
  return { width, height, at: (x, y) => data.slice(4 * (y * width + x), 4 * (y * width + x) + 3) };
}

/** A file in a `DataTransfer` of the page, as a drop or a paste brings it. */
export const transfer = (page, { name, mimeType, buffer }) =>
  page.evaluateHandle(
    ([name, type, bytes]) => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(bytes)], name, { type }));
      return data;
    },
    [name, mimeType, [...buffer]],
  );

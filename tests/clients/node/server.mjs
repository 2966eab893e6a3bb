// The server that the tests talk to, and what they all look at: FULMEN_URL, FULMEN_KEY.

import assert from 'node:assert/strict'

export const { FULMEN_URL: URL, FULMEN_KEY: KEY } = process.env
export const prompt = 'a red circle on a blue background'

/** Width and height, as a PNG's first chunk says. */
export function size(bytes) {
  const png = Buffer.from(bytes)
  assert.equal(png.subarray(1, 4).toString(), 'PNG')
  return [png.readUInt32BE(16), png.readUInt32BE(20)]
}

/** A picture, without a key. */
export async function fetched(url) {
  const answer = await fetch(url)
  assert.equal(answer.status, 200, url)
  return answer.arrayBuffer()
}

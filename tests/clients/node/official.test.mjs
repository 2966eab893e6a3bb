// The official Node clients.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Leonardo } from '@leonardo-ai/sdk'
import OpenAI from 'openai'

import { KEY, URL, fetched, prompt, size } from './server.mjs'

test('openai: links and base64', async () => {
  const client = new OpenAI({ baseURL: `${URL}/api`, apiKey: KEY })
  const links = await client.images.generate({ prompt, size: '256x256' })
  assert.deepEqual(size(await fetched(links.data[0].url)), [256, 256])
  const files = await client.images.generate({ prompt, n: 2, size: '512x512', response_format: 'b64_json' })
  assert.deepEqual(files.data.map(({ b64_json }) => size(Buffer.from(b64_json, 'base64'))), [[512, 512], [512, 512]])
})

test('openai: previews, then the picture', async () => {
  const client = new OpenAI({ baseURL: `${URL}/v1`, apiKey: KEY })
  const stream = await client.images.generate({ prompt, size: '256x256', stream: true, partial_images: 3 })
  const events = []
  for await (const event of stream) events.push(event)
  const kinds = events.map(({ type }) => type.replace('image_generation.', ''))
  assert.deepEqual(kinds, ['partial_image', 'partial_image', 'partial_image', 'completed'])
  assert.deepEqual(size(Buffer.from(events[3].b64_json, 'base64')), [256, 256])
})

test('openai: editing is refused in a sentence', async () => {
  const client = new OpenAI({ baseURL: `${URL}/v1`, apiKey: KEY })
  const image = await OpenAI.toFile(Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), 'a.png', { type: 'image/png' })
  await assert.rejects(client.images.edit({ image, prompt }), { status: 400, message: /edit/i })
  await assert.rejects(client.images.createVariation({ image }), { status: 400, message: /variation/i })
})

test('openai: errors have their classes', async () => {
  const client = new OpenAI({ baseURL: `${URL}/api`, apiKey: KEY })
  await assert.rejects(client.images.generate({ prompt: '' }), OpenAI.BadRequestError)
  const stranger = new OpenAI({ baseURL: `${URL}/api`, apiKey: 'wrong' })
  await assert.rejects(stranger.images.generate({ prompt }), OpenAI.AuthenticationError)
})

test('@leonardo-ai/sdk: a generation from the request to its pictures', async () => {
  const client = new Leonardo({ bearerAuth: KEY, serverURL: `${URL}/api/rest/v1` })
  const made = await client.image.createGeneration({ prompt, numImages: 2, width: 512, height: 512 })
  const id = made.object.sdGenerationJob.generationId
  let found
  do {
    await new Promise((resolve) => setTimeout(resolve, 50))
    found = (await client.image.getGenerationById(id)).object.generationsByPk
  } while (found.status === 'PENDING')
  assert.equal(found.status, 'COMPLETE')
  assert.equal(found.generatedImages.length, 2)
  for (const { url } of found.generatedImages) assert.deepEqual(size(await fetched(url)), [512, 512])
  const listed = await client.image.getGenerationsByUserId((await me(client)).id)
  assert.ok(listed.object.generations.some((one) => one.id === id))
  await client.image.deleteGenerationById(id)
  assert.equal((await client.image.getGenerationById(id)).object.generationsByPk, null)
})

/** Who the key belongs to. */
async function me(client) {
  return (await client.user.getUserSelf()).object.userDetails[0].user
}

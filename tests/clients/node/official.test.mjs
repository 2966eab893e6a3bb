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

test('openai: an edit and a variation of a picture that it drew', async () => {
  const client = new OpenAI({ baseURL: `${URL}/v1`, apiKey: KEY })
  const drawn = await client.images.generate({ prompt, size: '256x256', response_format: 'b64_json' })
  const picture = () => OpenAI.toFile(Buffer.from(drawn.data[0].b64_json, 'base64'), 'a.png', { type: 'image/png' })
  const edit = await client.images.edit({ image: await picture(), prompt, response_format: 'b64_json', n: 2 })
  assert.deepEqual(edit.data.map(({ b64_json }) => size(Buffer.from(b64_json, 'base64'))), [[256, 256], [256, 256]])
  const several = await client.images.edit({ image: [await picture(), await picture()], prompt, size: '512x256' })
  assert.deepEqual(size(await fetched(several.data[0].url)), [512, 256])
  const variation = await client.images.createVariation({ image: await picture(), size: '256x256' })
  assert.deepEqual(size(await fetched(variation.data[0].url)), [256, 256])
  const stream = await client.images.edit({ image: await picture(), prompt, stream: true, partial_images: 1 })
  const kinds = []
  for await (const event of stream) kinds.push(event.type)
  assert.deepEqual(kinds, ['image_edit.partial_image', 'image_edit.completed'])
})

test('openai: what is no picture is refused in a sentence', async () => {
  const client = new OpenAI({ baseURL: `${URL}/v1`, apiKey: KEY })
  const image = await OpenAI.toFile(Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), 'a.png', { type: 'image/png' })
  await assert.rejects(client.images.edit({ image, prompt }), { status: 400, message: /`image`: the picture/ })
  await assert.rejects(client.images.createVariation({ image }), { status: 400, message: /`image`: the picture/ })
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

test('@leonardo-ai/sdk: a picture is sent, drawn over, enlarged, zoomed out of and cut out', async () => {
  const client = new Leonardo({ bearerAuth: KEY, serverURL: `${URL}/api/rest/v1` })
  const picture = await fetched((await drawn(client, {}))[0].url)
  const form = (await client.initImages.uploadInitImage({ extension: 'png' })).object.uploadInitImage
  await sent(form.url, form.fields, picture)
  const found = (await client.initImages.getInitImageById(form.id)).object.initImagesByPk
  assert.deepEqual(Buffer.from(await fetched(found.url)), Buffer.from(picture))
  const [over] = await drawn(client, { initImageId: form.id, initStrength: 0.5 })
  assert.deepEqual(size(await fetched(over.url)), [256, 256])

  const canvas = (await client.initImages.uploadCanvasInitImage({ initExtension: 'png', maskExtension: 'png' }))
    .object.uploadCanvasInitImage
  await sent(canvas.initUrl, canvas.initFields, picture)
  await sent(canvas.maskUrl, canvas.maskFields, picture)
  const asked = { canvasRequest: true, canvasInitId: canvas.initImageId, canvasMaskId: canvas.maskImageId }
  const [inpainted] = await drawn(client, { ...asked, canvasRequestType: 'INPAINT' })
  assert.deepEqual(size(await fetched(inpainted.url)), [256, 256])

  const larger = await client.variation.createVariationUpscale({ id: over.id })
  const wider = await client.variation.createVariationUnzoom({ id: over.id })
  const cut = await client.variation.createVariationNoBG({ id: over.id })
  const jobs = [larger.object.sdUpscaleJob, wider.object.sdUnzoomJob, cut.object.sdNobgJob]
  const sizes = []
  for (const { id } of jobs) sizes.push(size(await fetched(await varied(client, id))))
  assert.deepEqual(sizes, [[512, 512], [256, 256], [256, 256]])
})

/** The pictures of a small generation, once they are drawn. */
async function drawn(client, members) {
  const small = { prompt, numImages: 1, width: 256, height: 256 }
  const made = await client.image.createGeneration({ ...small, ...members })
  for (;;) {
    const { generationsByPk } = (await client.image.getGenerationById(made.object.sdGenerationJob.generationId)).object
    if (generationsByPk.status === 'COMPLETE') return generationsByPk.generatedImages
    assert.equal(generationsByPk.status, 'PENDING')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** The address of a variation, once it is made. */
async function varied(client, id) {
  for (;;) {
    const [found] = (await client.variation.getVariationById(id)).object.generatedImageVariationGeneric
    if (found.status === 'COMPLETE') return found.url
    assert.equal(found.status, 'PENDING')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Sends a picture as the service's own guide does: the fields, then the file, and no key. */
async function sent(url, fields, picture) {
  const form = new FormData()
  for (const [name, text] of Object.entries(JSON.parse(fields))) form.append(name, text)
  form.append('file', new Blob([picture], { type: 'image/png' }), 'a.png')
  const answer = await fetch(url, { method: 'POST', body: form })
  assert.equal(answer.status, 204, await answer.text())
}

/** Who the key belongs to. */
async function me(client) {
  return (await client.user.getUserSelf()).object.userDetails[0].user
}

// Vercel's providers, and those of AIGNE, with the models that people name.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createOpenAI } from '@ai-sdk/openai'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { AIGNEHubImageModel } from '@aigne/aigne-hub'
import { OpenAIImageModel } from '@aigne/openai'
import { generateImage } from 'ai'

import { KEY, URL, prompt, size } from './server.mjs'

test('ai: an OpenAI-compatible provider', async () => {
  const provider = createOpenAICompatible({ name: 'fulmen', baseURL: `${URL}/v1`, apiKey: KEY })
  const { image } = await generateImage({ model: provider.imageModel('fulmen-demo'), prompt, size: '256x256' })
  assert.deepEqual(size(image.uint8Array), [256, 256])
})

test('ai: the OpenAI provider, with every model that it knows', async () => {
  const provider = createOpenAI({ baseURL: `${URL}/v1`, apiKey: KEY })
  const models = ['dall-e-2', 'dall-e-3', 'gpt-image-1', 'gpt-image-1-mini', 'gpt-image-1.5', 'chatgpt-image-latest']
  for (const model of models) {
    const { image } = await generateImage({ model: provider.imageModel(model), prompt, size: '256x256' })
    assert.deepEqual(size(image.uint8Array), [256, 256], model)
  }
})

test('ai: an edit with a mask, and one of a picture alone', async () => {
  const provider = createOpenAI({ baseURL: `${URL}/v1`, apiKey: KEY })
  const model = provider.imageModel('gpt-image-1')
  const { image } = await generateImage({ model, prompt, size: '256x256' })
  for (const asked of [{ images: [image.uint8Array] }, { images: [image.uint8Array], mask: image.uint8Array }]) {
    const edited = await generateImage({ model, prompt: { text: prompt, ...asked }, size: '256x256' })
    assert.deepEqual(size(edited.image.uint8Array), [256, 256])
  }
})

test('@aigne/openai: OpenAIImageModel', async () => {
  const model = new OpenAIImageModel({ apiKey: KEY, baseURL: `${URL}/api` })
  const answer = await model.invoke({ prompt, modelOptions: { size: '256x256' }, outputFileType: 'file' })
  assert.equal(answer.images.length, 1)
  assert.deepEqual(size(Buffer.from(answer.images[0].data, 'base64')), [256, 256])
})

test('@aigne/aigne-hub: AIGNEHubImageModel in hub mode', async () => {
  const model = new AIGNEHubImageModel({ apiKey: KEY, baseURL: URL, model: 'aignehub/openai/gpt-image-1' })
  const answer = await model.invoke({ prompt, n: 2, modelOptions: { size: '256x256' }, outputFileType: 'file' })
  const pictures = answer.images.map(({ data }) => size(Buffer.from(data, 'base64')))
  assert.deepEqual(pictures, [[256, 256], [256, 256]])
})

test('@aigne/aigne-hub: an image is edited', async () => {
  const model = new AIGNEHubImageModel({ apiKey: KEY, baseURL: URL, model: 'aignehub/openai/gpt-image-1' })
  const asked = { prompt, modelOptions: { size: '256x256' }, outputFileType: 'file' }
  const [{ data }] = (await model.invoke(asked)).images
  const answer = await model.invoke({ ...asked, image: [{ type: 'file', data, mimeType: 'image/png' }] })
  assert.deepEqual(size(Buffer.from(answer.images[0].data, 'base64')), [256, 256])
})

test('@aigne/aigne-hub: a wrong key and a wrong member are told in words', async () => {
  const stranger = new AIGNEHubImageModel({ apiKey: 'wrong', baseURL: URL, model: 'aignehub/openai/gpt-image-1' })
  await assert.rejects(stranger.invoke({ prompt }), /key/)
  const model = new AIGNEHubImageModel({ apiKey: KEY, baseURL: URL, model: 'aignehub/openai/gpt-image-1' })
  await assert.rejects(model.invoke({ prompt, modelOptions: { size: '257x256' } }), /size/)
})

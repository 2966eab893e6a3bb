// A client made from /openapi.json by openapi-typescript: it must compile, have every route, and draw.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'

import createClient from 'openapi-fetch'
import openapiTs, { astToString } from 'openapi-typescript'

import { KEY, URL, prompt, size } from './server.mjs'

const description = await (await fetch(`${URL}/openapi.json`)).json()

/** Uses of the types, one for each family; compiled, not run. */
const USES = `
import createClient from 'openapi-fetch'
import type { paths } from './fulmen.js'
const client = createClient<paths>({ baseUrl: '' })
export const openai = (await client.POST('/v1/images/generations', { body: { prompt: '' } })).data?.data
const imagined = (await client.POST('/v1/images/imagine', { body: { name: '', prompt: '' } })).data
export const kept = imagined && 'id' in imagined && imagined.id
export const listed = (await client.GET('/v1/images', { params: { query: { take: 3 } } })).data?.data
export const begun = (await client.POST('/generations', { body: { prompt: '' } })).data?.sdGenerationJob.generationId
`

test('types are made of it, and they compile in strict mode', async () => {
  const types = astToString(await openapiTs(description, { defaultNonNullable: false }))
  for (const path of Object.keys(description.paths)) assert.ok(types.includes(`"${path}"`), path)
  writeFileSync('fulmen.ts', types)
  writeFileSync('uses.ts', USES)
  const options = ['--strict', '--noEmit', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2022']
  execFileSync('node_modules/.bin/tsc', [...options, 'fulmen.ts', 'uses.ts'], { stdio: 'inherit' })
})

test('the client draws and lists', async () => {
  const client = createClient({ baseUrl: URL, headers: { Authorization: `Bearer ${KEY}` } })
  const body = { prompt, size: '256x256', response_format: 'b64_json' }
  const drawn = await client.POST('/v1/images/generations', { body })
  assert.deepEqual(size(Buffer.from(drawn.data.data[0].b64_json, 'base64')), [256, 256])
  const kept = await client.POST('/v1/images/imagine', { body: { name: 'a', prompt, width: 128, height: 128 } })
  const listed = await client.GET('/v1/images', { params: { query: { take: 3 } } })
  assert.equal(listed.data.data[0].id, kept.data.id)
  const begun = await client.POST('/generations', { body: { prompt, num_images: 1, width: 128, height: 128 } })
  assert.ok(begun.data.sdGenerationJob.generationId)
})

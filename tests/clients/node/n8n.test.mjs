// n8n's OpenAI node, as it is published, under a stand-in for n8n's runtime: what it asks of a workflow here comes from
// this file, and its requests go to the server.

import assert from 'node:assert/strict'
import Module, { createRequire } from 'node:module'
import { test } from 'node:test'

import { KEY, URL, fetched, prompt, size } from './server.mjs'

/** The two names that the operation takes from n8n's own library. */
const workflow = {
  NodeOperationError: class extends Error {
    constructor(_, message) {
      super(message)
    }
  },
  updateDisplayOptions: (_, properties) => properties,
}

const load = Module._load
Module._load = (name, ...rest) => (name === 'n8n-workflow' ? workflow : load(name, ...rest))
const { execute } = createRequire(import.meta.url)(
  './n8n/package/dist/nodes/vendors/OpenAi/v2/actions/image/generate.operation.js',
)

/** What n8n gives a node: its parameters, its credentials, a way to ask. */
function node(typeVersion, parameters) {
  return {
    getNode: () => ({ typeVersion }),
    getNodeParameter: (name, _, usual) => parameters[name] ?? usual,
    getCredentials: async () => ({ url: `${URL}/v1`, apiKey: KEY }),
    helpers: {
      async requestWithAuthentication(_, { method, uri, body }) {
        const headers = { Authorization: `Bearer ${KEY}`, 'Content-Type': 'application/json' }
        const answer = await fetch(uri, { method, headers, body: JSON.stringify(body) })
        assert.equal(answer.status, 200, await answer.clone().text())
        return answer.json()
      },
      prepareBinaryData: async (data) => ({ data }),
    },
  }
}

test('every model that the node offers draws', async () => {
  const options = { size: '256x256' }
  for (const [version, model] of [[2.2, 'gpt-image-1-mini'], [2.2, 'gpt-image-1'], [2.1, 'dall-e-3'], [1.8, 'gpt-image-1']]) {
    const name = version < 2.2 ? 'model' : 'modelId'
    const [{ binary }] = await execute.call(node(version, { prompt, [name]: model, options: { ...options } }), 0)
    assert.deepEqual(size(binary.data.data), [256, 256], model)
  }
})

test('links, where the workflow wants them', async () => {
  const options = { size: '256x256', returnImageUrls: true }
  const [{ json }] = await execute.call(node(2.1, { prompt, model: 'dall-e-3', options }), 0)
  assert.deepEqual(size(await fetched(json.url)), [256, 256])
})

// Mastra: the full stream of an agent as events, a tool that needs an approval, a structured answer.

import { Agent } from '@mastra/core/agent'
import { createTool } from '@mastra/core/tools'
import { z } from 'zod'

import { record } from './recording.mjs'

const usage = { inputTokens: 1, outputTokens: 1, totalTokens: 2 }

function model(turns) {
  let turn = 0
  return {
    specificationVersion: 'v2',
    provider: 'scripted',
    modelId: 'm',
    supportedUrls: {},
    doStream: async () => {
      const [texts, calls] = turns[turn++]
      const chunks = [
        { type: 'stream-start', warnings: [] },
        { type: 'text-start', id: '1' },
        ...texts.map((delta) => ({ type: 'text-delta', id: '1', delta })),
        { type: 'text-end', id: '1' },
        ...calls.map((input) => ({ type: 'tool-call', toolCallId: 'c1', toolName: 'add', input })),
        { type: 'finish', finishReason: calls.length ? 'tool-calls' : 'stop', usage },
      ]
      return { stream: ReadableStream.from(chunks), request: {}, response: {}, warnings: [] }
    },
  }
}

const ADDING = [
  [['Let me', ' add.'], ['{"a": 1, "b": 2}']],
  [["It's", ' "3"', '.\n'], []],
]

function agent(options = {}, turns = ADDING) {
  const add = createTool({
    id: 'add',
    description: 'Add two numbers.',
    inputSchema: z.object({ a: z.number(), b: z.number() }),
    execute: async () => 3,
    ...options,
  })
  return new Agent({ id: 'a', name: 'a', instructions: 'Add.', model: model(turns), tools: { add } })
}

const events = async (output) =>
  new Response(
    (await output).fullStream.pipeThrough(
      new TransformStream({
        transform: (part, controller) => controller.enqueue(new TextEncoder().encode(`data: ${JSON.stringify(part)}\n\n`)),
      }),
    ),
    { headers: { 'content-type': 'text/event-stream' } },
  )

await record({
  mastra_full: () => events(agent().stream('1+2?')),
  mastra_approval: () => events(agent().stream('1+2?', { requireToolApproval: true })),
  mastra_structured: () =>
    events(
      agent({}, [[['{"name": "Ann"', ', "age": 3}'], []]]).stream('Who?', {
        structuredOutput: { schema: z.object({ name: z.string(), age: z.number() }) },
      }),
    ),
})
process.exit(0)

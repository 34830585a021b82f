// The AI SDK 6: the stream of UI messages, the full stream as lines of JSON and as events, text, a tool approval.

import { simulateReadableStream, stepCountIs, streamText, tool } from 'ai'
import { MockLanguageModelV3 } from 'ai/test'
import { z } from 'zod'

import { record } from './recording.mjs'

const usage = { inputTokens: { total: 1 }, outputTokens: { total: 1 } }

function model() {
  let turn = 0
  return new MockLanguageModelV3({
    doStream: async () => {
      turn += 1
      const texts = turn === 1 ? ['Let me', ' add.'] : ["It's", ' "3"', '.\n']
      const call = { type: 'tool-call', toolCallId: 'c1', toolName: 'add', input: '{"a": 1, "b": 2}' }
      const reason = turn === 1 ? 'tool-calls' : 'stop'
      const chunks = [
        { type: 'stream-start', warnings: [] },
        { type: 'text-start', id: '1' },
        ...texts.map((delta) => ({ type: 'text-delta', id: '1', delta })),
        { type: 'text-end', id: '1' },
        ...(turn === 1 ? [call] : []),
        { type: 'finish', finishReason: { unified: reason, raw: reason }, usage },
      ]
      return { stream: simulateReadableStream({ chunks }) }
    },
  })
}

const inputSchema = z.object({ a: z.number(), b: z.number() })
const add = { description: 'Add two numbers.', inputSchema, execute: async ({ a, b }) => a + b }
const run = (options = {}) =>
  streamText({ model: model(), prompt: '1+2?', tools: { add: tool({ ...add, ...options }) }, stopWhen: stepCountIs(3) })

const lines = (stream, type, before = '', after = '\n') =>
  new Response(
    stream.pipeThrough(
      new TransformStream({
        transform: (part, controller) => controller.enqueue(new TextEncoder().encode(before + JSON.stringify(part) + after)),
      }),
    ),
    { headers: { 'content-type': type } },
  )

await record({
  ai_sdk_6_ui: () => run().toUIMessageStreamResponse(),
  ai_sdk_6_full: () => lines(run().fullStream, 'text/event-stream', 'data: ', '\n\n'),
  ai_sdk_6_full_lines: () => lines(run().fullStream, 'application/x-ndjson'),
  ai_sdk_6_text: () => run().toTextStreamResponse(),
  ai_sdk_6_approval_ui: () => run({ needsApproval: true }).toUIMessageStreamResponse(),
  ai_sdk_6_approval_full: () => lines(run({ needsApproval: true }).fullStream, 'text/event-stream', 'data: ', '\n\n'),
})

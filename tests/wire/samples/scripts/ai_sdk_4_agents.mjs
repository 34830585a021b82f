// The AI SDK 4: its data stream protocol, version 1, with a tool and with a failure.

import { simulateReadableStream, streamText, tool } from 'ai'
import { MockLanguageModelV1 } from 'ai/test'
import { z } from 'zod'

import { record } from './recording.mjs'

function model(fails) {
  let turn = 0
  return new MockLanguageModelV1({
    doStream: async () => {
      turn += 1
      const texts = turn === 1 ? ['Let me', ' add.'] : ["It's", ' "3"', '.\n']
      const call = { type: 'tool-call', toolCallType: 'function', toolCallId: 'c1', toolName: 'add', args: '{"a":1,"b":2}' }
      const chunks = [
        ...texts.map((textDelta) => ({ type: 'text-delta', textDelta })),
        ...(fails ? [{ type: 'error', error: new Error('it broke') }] : turn === 1 ? [call] : []),
        { type: 'finish', finishReason: turn === 1 ? 'tool-calls' : 'stop', usage: { promptTokens: 1, completionTokens: 1 } },
      ]
      return { stream: simulateReadableStream({ chunks }), rawCall: { rawPrompt: null, rawSettings: {} } }
    },
  })
}

const add = tool({ parameters: z.object({ a: z.number(), b: z.number() }), execute: async ({ a, b }) => a + b })
const run = (fails = false) => streamText({ model: model(fails), prompt: '1+2?', tools: { add }, maxSteps: 3 })

await record({
  ai_sdk_4_data: () => run().toDataStreamResponse(),
  ai_sdk_4_error: () => run(true).toDataStreamResponse({ getErrorMessage: (error) => error.message }),
})

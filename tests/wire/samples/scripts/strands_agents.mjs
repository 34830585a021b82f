// Strands Agents for TypeScript in AWS's BedrockAgentCoreApp for TypeScript: texts, events, a failure, a pause.

import { Agent, Model, tool } from '@strands-agents/sdk'
import { BedrockAgentCoreApp } from 'bedrock-agentcore/runtime'
import { z } from 'zod'

import { ask, save } from './recording.mjs'

class Scripted extends Model {
  turn = 0
  updateConfig() {}
  getConfig() {
    return { modelId: 'scripted' }
  }
  async *stream() {
    this.turn += 1
    const first = this.turn === 1
    yield { type: 'modelMessageStartEvent', role: 'assistant' }
    yield { type: 'modelContentBlockStartEvent' }
    for (const text of first ? ['Let me', ' add.'] : ["It's", ' "3"', '.\n'])
      yield { type: 'modelContentBlockDeltaEvent', delta: { type: 'textDelta', text } }
    yield { type: 'modelContentBlockStopEvent' }
    if (first) {
      const start = { type: 'toolUseStart', name: 'add', toolUseId: 't0' }
      yield { type: 'modelContentBlockStartEvent', start }
      yield { type: 'modelContentBlockDeltaEvent', delta: { type: 'toolUseInputDelta', input: '{"a": 1, "b": 2}' } }
      yield { type: 'modelContentBlockStopEvent' }
    }
    yield { type: 'modelMessageStopEvent', stopReason: first ? 'toolUse' : 'endTurn' }
    yield { type: 'modelMetadataEvent', usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 } }
  }
}

const inputSchema = z.object({ a: z.number(), b: z.number() })
const add = tool({ name: 'add', description: 'Add two numbers.', inputSchema, callback: ({ a, b }) => a + b })
const asking = tool({
  name: 'add',
  description: 'Add two numbers.',
  inputSchema,
  callback: ({ a, b }, context) => context.interrupt({ name: 'confirm', reason: `Really add ${a} and ${b}?` }),
})
const agent = (tools) => new Agent({ model: new Scripted(), tools: [tools], printer: false })

const agents = {
  strands_ts_events: async function* () {
    yield* agent(add).stream('1+2?')
  },
  strands_ts_text: async function* () {
    for await (const event of agent(add).stream('1+2?'))
      if (event.type === 'modelStreamUpdateEvent' && event.event.delta?.type === 'textDelta') yield event.event.delta.text
  },
  strands_ts_named: async function* () {
    for await (const event of agent(add).stream('1+2?'))
      if (event.type === 'modelStreamUpdateEvent' && event.event.delta?.type === 'textDelta')
        yield { event: 'message', data: { text: event.event.delta.text } }
  },
  strands_ts_result: async () => await agent(add).invoke('1+2?'),
  strands_ts_string: async () => (await agent(add).invoke('1+2?')).toString(),
  strands_ts_failure: async function* () {
    yield 'It is'
    throw new Error('boom')
  },
  strands_ts_interrupt: async function* () {
    yield* agent(asking).stream('1+2?')
  },
  strands_ts_interrupt_result: async () => await agent(asking).invoke('1+2?'),
}

let port = 18470
for (const [name, process] of Object.entries(agents)) {
  const app = new BedrockAgentCoreApp({
    invocationHandler: { process: async (request) => await process(request) },
    config: { logging: { enabled: false } },
  })
  app.run({ port: ++port, host: '127.0.0.1' })
  await new Promise((resolve) => setTimeout(resolve, 700))
  const headers = {
    'x-amzn-bedrock-agentcore-runtime-session-id': 's'.repeat(33),
    accept: 'text/event-stream, application/json',
  }
  const { type, body } = await ask(port, headers)
  save(name, type.startsWith('text/event-stream') ? body : Buffer.from(`data: ${body}\n\n`))
}
globalThis.process.exit(0)

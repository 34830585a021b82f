// Records what an agent sends, as recording.py does. Each script beside this one is run by hand, in a folder of its own
// with the packages that it imports:
//
//     node strands_agents.mjs FOLDER
//
// It writes FOLDER/NAME.sse for each of its agents, or .ndjson or .txt by its media type, with the bytes as they came.

import { writeFileSync } from 'node:fs'
import http from 'node:http'

export function ask(port, headers = {}, path = '/invocations') {
  return new Promise((resolve, reject) => {
    const request = http.request(
      { port, path, method: 'POST', headers: { 'content-type': 'application/json', ...headers } },
      (response) => {
        const chunks = []
        response.on('data', (chunk) => chunks.push(chunk))
        response.on('end', () => resolve({ type: response.headers['content-type'], body: Buffer.concat(chunks) }))
        response.on('error', reject)
      },
    )
    request.end('{"prompt": "1+2?"}')
  })
}

export function save(name, body, type = 'text/event-stream') {
  const ending = { 'text/event-stream': 'sse', 'application/x-ndjson': 'ndjson' }[type.split(';')[0]] ?? 'txt'
  writeFileSync(`${process.argv[2] ?? '.'}/${name}.${ending}`, body)
  console.log(`${name}: ${body.length} bytes\n${body.toString().slice(-700)}`)
}

// Serves web Responses on loopback, one after the other, and records each.
export async function record(agents) {
  for (const [name, agent] of Object.entries(agents)) {
    const server = http.createServer(async (_request, response) => {
      const answer = await agent()
      response.writeHead(200, Object.fromEntries(answer.headers))
      for await (const chunk of answer.body) response.write(chunk)
      response.end()
    })
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { type, body } = await ask(server.address().port)
    save(name, body, type)
    server.close()
  }
}

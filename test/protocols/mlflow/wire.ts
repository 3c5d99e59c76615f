import { createWriteStream } from 'node:fs'
import { once } from 'node:events'
import { createServer, request, type IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'

/** What stands between a client and its server, and writes down what passes. */
export interface Wire {
  readonly url: string
  close(): Promise<void>
}

/** Bodies above this are told by their length; no JSON of a scenario is that long. */
const LONGEST_TOLD_BYTES = 200_000

/** Passes everything on to `server` and appends a JSON line per exchange to `file`, in the order of the answers. */
export async function recordWire(server: string, file: string): Promise<Wire> {
  const lines = createWriteStream(file)
  const proxy = createServer((incoming, outgoing) => {
    void (async () => {
      const asked = await buffer(incoming)
      const { method = 'GET', url = '/', headers } = incoming
      const answer = await new Promise<IncomingMessage>((resolve, reject) => {
        request(server + url, { method, headers }, resolve)
          .once('error', reject)
          .end(asked)
      })
      const said = await buffer(answer)
      const line = {
        method,
        path: url,
        ...(asked.length > 0 && { request: told(asked, headers['content-type']) }),
        status: answer.statusCode,
        type: answer.headers['content-type'],
        response: told(said, answer.headers['content-type']),
      }
      lines.write(`${JSON.stringify(line)}\n`)
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers).end(said)
    })().catch((cause: unknown) => outgoing.destroy(new Error('the wire broke', { cause })))
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const address = proxy.address()
  if (address === null || typeof address === 'string') throw new Error('no TCP address')
  return {
    url: `http://127.0.0.1:${address.port}`,
    async close() {
      proxy.closeAllConnections()
      proxy.close()
      lines.end()
      await once(lines, 'finish')
    },
  }
}

/** A body for reading: JSON as such, short text as text, anything else by its length. */
function told(body: Buffer, type = ''): unknown {
  if (body.length > LONGEST_TOLD_BYTES) return `${body.length} bytes`
  const text = body.toString('utf8')
  if (!Buffer.from(text).equals(body))
    return `${body.length} bytes: ${body.subarray(0, 64).toString('hex')}`
  if (!type.includes('json')) return text
  try {
    // Numbers above 2^53 would be rounded by a parse: they are told as the text they were.
    return /\d{16}/.test(text.replaceAll(/"(?:[^"\\]|\\.)*"/g, '')) ? text : JSON.parse(text)
  } catch {
    return text
  }
}

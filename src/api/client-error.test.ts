import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { silentLog } from '../core/log.ts'
import { answerClientErrors } from './client-error.ts'

async function connectTo(server: Server): Promise<Socket> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a server on a port has no other address
  const { port } = server.address() as AddressInfo
  return connect({ host: '127.0.0.1', port })
}

const deps = { log: silentLog, newId: (prefix: string) => `${prefix}_1` }
const answer = answerClientErrors({ ...deps, latestAnswer: () => undefined })

test.each([
  ['GET / HTTP/1.1\r\nhost: a\r\ncontent-length: many\r\n\r\n', 400, 'INVALID_ARGUMENT'],
  [
    'GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n',
    400,
    'INVALID_ARGUMENT',
  ],
  ['\u0016\u0003\u0001 hello, is this TLS?', 400, 'INVALID_ARGUMENT'],
  [`GET / HTTP/1.1\r\nhost: a\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`, 431, 'HEADERS_TOO_LARGE'],
  ['GET / HTTP/1.1\r\nhost: a\r\n', 408, 'REQUEST_TIMEOUT'],
])('%j is answered %i', async (bytes, status, code) => {
  const timeouts = { headersTimeout: 50, requestTimeout: 0, connectionsCheckingInterval: 20 }
  const server = createServer(timeouts)
  server.on('clientError', answer)
  try {
    const socket = await connectTo(server)
    socket.write(bytes)
    const [head = '', body = ''] = (await text(socket)).split('\r\n\r\n')
    expect(head).toContain(`HTTP/1.1 ${status} `)
    expect(head).toContain('\r\ncontent-type: application/problem+json\r\n')
    expect(head).toContain(`\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close`)
    expect(JSON.parse(body)).toMatchObject({ status, code, requestId: 'req_1' })
  } finally {
    server.close()
  }
})

test('in the middle of an answer the connection is cut, and the answer stays as it was', async () => {
  const latest = new WeakMap<Socket, ServerResponse>()
  const server = createServer((request, response) => {
    latest.set(request.socket, response)
    response.writeHead(200, { 'content-length': '100' }).write('half')
  })
  server.on('clientError', answerClientErrors({ ...deps, latestAnswer: (s) => latest.get(s) }))
  try {
    const socket = await connectTo(server)
    socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
    const [begun] = await once(socket, 'data')
    expect(String(begun)).toMatch(/^HTTP\/1\.1 200 OK\r\n.*\r\n\r\nhalf$/s)
    socket.write('nonsense\r\n\r\n')
    expect(await text(socket)).toBe('')
  } finally {
    server.close()
  }
})

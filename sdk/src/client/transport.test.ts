import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type Server } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { createTransport, textOf } from './transport.ts'

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no TCP address')
  return `http://127.0.0.1:${address.port}`
}

function transportTo(url: string, key?: string) {
  const transport = createTransport({ url, key })
  onTestFinished(() => transport.close())
  return transport
}

/** Answers the first request of a connection, and resets the connection at the second. */
function resetting(): { readonly server: Server; readonly seen: string[] } {
  const seen: string[] = []
  const server = createServer((socket) => {
    let requests = 0
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      seen.push(String(chunk).split(' ')[0] ?? '')
      requests += 1
      if (requests === 1) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
      else socket.resetAndDestroy()
    })
  })
  return { server, seen }
}

test('nobody there is UNAVAILABLE and says what to look for', async () => {
  const transport = transportTo('http://127.0.0.1:1')
  await expect(transport.call({ method: 'GET', path: '/' })).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    status: 0,
    message: expect.stringContaining('is "gyre up" running?'),
  })
})

test('a problem comes back as its code, anything else as what it said', async () => {
  const problem = { code: 'NOT_FOUND', detail: 'no such model: x', details: { name: 'x' } }
  const answers = [
    [404, JSON.stringify(problem)],
    [502, '<html>bad gateway'],
  ] as const
  let next = 0
  const server = createHttpServer((_, response) => {
    const [status, text] = answers[next++] ?? answers[0]
    response.writeHead(status).end(text)
  })
  const transport = transportTo(await listen(server))
  const call = { method: 'GET', path: '/' }
  await expect(transport.call(call)).rejects.toMatchObject({
    code: 'NOT_FOUND',
    status: 404,
    message: 'no such model: x',
    details: { name: 'x' },
  })
  await expect(transport.call(call)).rejects.toMatchObject({
    code: 'INTERNAL',
    status: 502,
    message: 'HTTP 502: <html>bad gateway',
  })
})

test('a call that is aborted is CANCELLED', async () => {
  const url = await listen(createServer((socket) => void socket.on('error', () => {})))
  const abort = new AbortController()
  const called = transportTo(url).call({ method: 'GET', path: '/', signal: abort.signal })
  abort.abort()
  await expect(called).rejects.toMatchObject({ code: 'CANCELLED' })
})

test('a connection that was closed while idle costs nothing but for a POST, which may have been read', async () => {
  const { server, seen } = resetting()
  const transport = transportTo(await listen(server))
  const get = async () => textOf(await transport.call({ method: 'GET', path: '/' }))
  expect(await get()).toBe('ok')
  expect(await get()).toBe('ok')
  expect(seen).toEqual(['GET', 'GET', 'GET'])
  const post = transport.call({ method: 'POST', path: '/', body: '{}' })
  await expect(post).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})

test('a key travels as a bearer token', async () => {
  const server = createHttpServer((request, response) =>
    response.end(request.headers.authorization ?? ''),
  )
  const transport = transportTo(await listen(server), 'gyre_abc')
  expect(await textOf(await transport.call({ method: 'GET', path: '/' }))).toBe('Bearer gyre_abc')
})

import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { expect, test, vi } from 'vitest'
import { fakeClock } from '../core/clock.ts'
import { createArrivals } from './arrival.ts'

const [IDLE_MS, LEAST_BYTES] = [1_000, 10]

/** A server that reads a body, and one client in the middle of sending its own. */
async function openUpload(reads = true) {
  const clock = fakeClock()
  const latest = new WeakMap<Socket, IncomingMessage>()
  let cuts = 0
  const arrivals = createArrivals({
    clock,
    leastBytes: LEAST_BYTES,
    idleMs: IDLE_MS,
    latestRequest: (socket) => latest.get(socket),
    cutOff(socket) {
      cuts += 1
      socket.destroy()
    },
  })
  let bytes = 0
  let isWhole = false
  const server = createServer((request) => {
    latest.set(request.socket, request)
    if (!reads) return
    request.on('data', (chunk: Buffer) => (bytes += chunk.length))
    request.on('end', () => (isWhole = true))
    request.on('error', () => {})
  })
  server.on('connection', (socket) => arrivals.watch(socket))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a server on a port has no other address
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const arrived = once(server, 'request')
  client.write('PUT /file HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n')
  client.on('error', () => {}).resume()
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the first argument of this event
  const [request] = (await arrived) as [IncomingMessage]
  arrivals.sweep()
  return {
    client,
    cuts: () => cuts,
    request,
    /** Lets so much time pass that a body that stood still for all of it is one too long. */
    pass(ms: number) {
      clock.advance(ms)
      arrivals.sweep()
    },
    async send(count: number) {
      const before = bytes
      client.write('x'.repeat(count))
      await vi.waitFor(() => expect(bytes).toBe(before + count), { interval: 1 })
    },
    isWhole: () => isWhole,
    async [Symbol.asyncDispose]() {
      client.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

test('a body that keeps coming is taken, however long it takes in all', async () => {
  await using upload = await openUpload()
  for (let i = 0; i < 100; i++) {
    await upload.send(1_000)
    upload.pass(IDLE_MS - 1)
  }
  expect(upload.cuts()).toBe(0)
  await vi.waitFor(() => expect(upload.isWhole()).toBe(true))
  upload.pass(100 * IDLE_MS)
  expect(upload.cuts()).toBe(0)
})

test('one that stands still is cut off, and so is one that comes a byte at a time', async () => {
  for (const drip of [0, 1]) {
    await using upload = await openUpload()
    await upload.send(1_000)
    upload.pass(IDLE_MS - 1)
    for (let i = 0; i < LEAST_BYTES - 1; i++) {
      expect(upload.cuts()).toBe(0)
      if (drip > 0) await upload.send(drip)
      upload.pass(IDLE_MS / LEAST_BYTES)
    }
    upload.pass(IDLE_MS / LEAST_BYTES)
    expect(upload.cuts()).toBe(1)
    await once(upload.client, 'close')
  }
})

test('a client is not to blame for what this server has not taken yet', async () => {
  await using upload = await openUpload(false)
  upload.client.write('x'.repeat(100))
  await vi.waitFor(() => expect(upload.request.readableLength).toBe(100))
  upload.pass(IDLE_MS)
  upload.pass(IDLE_MS)
  expect(upload.cuts()).toBe(0)
})

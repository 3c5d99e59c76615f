import { once } from 'node:events'
import { createServer, get } from 'node:http'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { denyEgress } from './egress.ts'

/** A server of this machine that says "here". */
async function here(): Promise<number> {
  const server = createServer((_, response) => response.end('here')).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no TCP address')
  return address.port
}

function guard(allowed: readonly string[] = []): void {
  onTestFinished(denyEgress(allowed))
}

// Names under .invalid never resolve (RFC 2606): a lookup would fail otherwise than with the refusal.
test('whatever way a connection is opened, another host is refused before its name is looked up', async () => {
  guard()
  const refused = { code: 'EGRESS_DENIED', details: { host: 'api.invalid' } }
  await expect(fetch('http://api.invalid/')).rejects.toMatchObject({ cause: refused })
  await expect(fetch('https://api.invalid/')).rejects.toMatchObject({ cause: refused })
  expect(() => get('http://api.invalid/')).toThrowError(expect.objectContaining(refused))
  expect(() => connect(443, 'api.invalid')).toThrowError(expect.objectContaining(refused))
  expect(() => connect({ port: 443, host: 'api.invalid' })).toThrowError(
    expect.objectContaining(refused),
  )
  expect(() => connectTls(443, 'api.invalid')).toThrowError(expect.objectContaining(refused))
  expect(() => connect(443, '8.8.8.8')).toThrowError(/connection to 8\.8\.8\.8 was refused/)
})

test('this machine and the hosts that the operator names stay open, and all of them afterwards', async () => {
  const port = await here()
  const end = denyEgress(['named.invalid'])
  try {
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('here')
    expect(await (await fetch(`http://localhost:${port}/`)).text()).toBe('here')
    const socket = connect(443, 'named.invalid')
    expect(await once(socket, 'error')).toMatchObject([{ syscall: 'getaddrinfo' }])
    const [failed] = await once(connect('/nowhere.sock'), 'error')
    expect(failed).toMatchObject({ code: 'ENOENT' })
  } finally {
    end()
  }
  const [unguarded] = await once(connect(443, 'api.invalid'), 'error')
  expect(unguarded).toMatchObject({ syscall: 'getaddrinfo' })
})

import { writeFile } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { Client, credentials } from '@grpc/grpc-js'
import { beforeAll, expect, test, vi } from 'vitest'
import { codecOf } from '../../src/api/oip/grpc-proto.ts'
import { LINEAR3_ONNX } from '../../src/infer/fixture.ts'
import { tempFolder } from '../../src/store/contract/temp-folder.ts'
import { build, launch } from './program.ts'

beforeAll(() => build())

const BODY = JSON.stringify({
  inputs: [{ name: 'features', datatype: 'FP32', shape: [1, 3], data: [1, 2, 0.5] }],
})

interface Seen {
  readonly status: number | undefined
  readonly connection: string | undefined
}

/** One request over a connection that is kept where the server keeps it. */
function ask(agent: Agent, method: string, url: string, body?: string): Promise<Seen> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, agent }, (response) => {
      response.resume().once('end', () => {
        resolve({ status: response.statusCode, connection: response.headers.connection })
      })
    })
    sent.once('error', reject)
    sent.end(body)
  })
}

/** Whether the server is ready, by gRPC. */
function serverReady(client: Client): Promise<unknown> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      '/inference.GRPCInferenceService/ServerReady',
      codecOf('Nothing').encode,
      codecOf('Ready').decode,
      {},
      (error, ready) => (error ? reject(error) : resolve(ready)),
    )
  })
}

test('a server that is told to stop says so at once, goes on answering, and no request fails', async () => {
  const folder = await tempFolder()
  const file = join(folder, 'churn.onnx')
  await writeFile(file, LINEAR3_ONNX)
  const server = await launch(join(folder, 'data'), {
    command: ['serve', file, '--grpc-port', '0'],
    env: { GYRE_DRAIN_DELAY_MS: '4000' },
  })
  const [, address = ''] = await server.says(/gRPC on (\S+)/)
  const grpc = new Client(address, credentials.createInsecure())
  const agent = new Agent({ keepAlive: true })
  const seen: Seen[] = []
  const over = new AbortController()
  const clients = Array.from({ length: 4 }, async () => {
    while (!over.signal.aborted)
      seen.push(await ask(agent, 'POST', `${server.url}/v2/models/churn/infer`, BODY))
  })
  await vi.waitFor(() => expect(seen.length).toBeGreaterThan(50), { timeout: 10_000 })
  const ready = () => ask(agent, 'GET', `${server.url}/v2/health/ready`)
  expect(await ready()).toMatchObject({ status: 200 })
  expect(await serverReady(grpc)).toEqual({ ready: true })

  const ended = server.stop('SIGTERM')
  await vi.waitFor(async () => expect(await ready()).toMatchObject({ status: 503 }))
  expect(await ask(agent, 'GET', `${server.url}/v2/health/live`)).toMatchObject({ status: 200 })
  // protobuf leaves a false out.
  expect(await serverReady(grpc)).toEqual({})
  // A load balancer that has noticed sends no more, and what it has sent by then is answered.
  const until = seen.length + 100
  await vi.waitFor(() => expect(seen.length).toBeGreaterThan(until), { timeout: 3_000 })
  over.abort()
  await Promise.all(clients)
  expect(new Set(seen.map(({ status }) => status))).toEqual(new Set([200]))
  expect(seen.at(-1)).toEqual({ status: 200, connection: 'close' })
  grpc.close()
  expect(await ended).toMatchObject({ code: 0, stderr: '' })
  await expect(ready()).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

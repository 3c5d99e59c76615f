import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { quantile, sortedFinite } from '../../src/core/quantile.ts'

/** What the load generator's process is told by its parent. */
export interface LoadPlan {
  readonly port: number
  readonly path: string
  readonly connections: number
  readonly requests: number
  /** JSON bodies, posted in turn; without any, the path is got. */
  readonly bodies: readonly string[]
  /** A path that one more connection asks every few milliseconds meanwhile. */
  readonly probe?: string
}

/** What it says when done, as a message to its parent. */
export interface LoadReport {
  readonly seconds: number
  /** Replies that were not 200. */
  readonly failed: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  /** Of the probe; NaN without one. */
  readonly probeP99Ms: number
}

const PROBE_EVERY_MS = 10

/** Sends `requests` over kept-alive sockets, one under way on each; by hand, since node's client costs more than the server. */
export async function load(plan: LoadPlan): Promise<LoadReport> {
  const requests =
    plan.bodies.length > 0
      ? plan.bodies.map((body) => postOf(plan, body))
      : [getOf(plan.port, plan.path)]
  const latencies: number[] = []
  const probes: number[] = []
  let [next, failed] = [0, 0]

  async function timed(socket: Socket, request: string, into: number[]): Promise<void> {
    const started = performance.now()
    const status = await ask(socket, request)
    into.push(performance.now() - started)
    if (status !== 200) failed++
  }

  async function user(): Promise<void> {
    const socket = open(plan.port)
    while (next < plan.requests)
      await timed(socket, requests[next++ % requests.length] ?? '', latencies)
    socket.destroy()
  }

  async function watch(path: string): Promise<void> {
    const socket = open(plan.port)
    const request = getOf(plan.port, path)
    while (next < plan.requests) {
      await timed(socket, request, probes)
      await delay(PROBE_EVERY_MS)
    }
    socket.destroy()
  }

  const started = performance.now()
  const watching = plan.probe === undefined ? undefined : watch(plan.probe)
  await Promise.all(Array.from({ length: plan.connections }, user))
  const seconds = (performance.now() - started) / 1_000
  await watching
  const sorted = sortedFinite(latencies)
  return {
    seconds,
    failed,
    p50Ms: quantile(sorted, 0.5),
    p95Ms: quantile(sorted, 0.95),
    p99Ms: quantile(sorted, 0.99),
    probeP99Ms: quantile(sortedFinite(probes), 0.99),
  }
}

function open(port: number): Socket {
  return connect(port, '127.0.0.1').setNoDelay(true).setEncoding('latin1')
}

function getOf(port: number, path: string): string {
  return `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n\r\n`
}

function postOf({ port, path }: LoadPlan, body: string): string {
  return (
    `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-type: application/json\r\n` +
    `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  )
}

/** The status of the reply, once all of it has come. */
function ask(socket: Socket, request: string): Promise<number> {
  return new Promise((resolve, reject) => {
    let reply = ''
    const take = (chunk: string): void => {
      reply += chunk
      const headEnd = reply.indexOf('\r\n\r\n')
      if (headEnd < 0) return
      const length = /\r\ncontent-length: (\d+)/i.exec(reply.slice(0, headEnd))?.[1]
      if (reply.length < headEnd + 4 + Number(length)) return
      settle()
      resolve(Number(reply.slice(9, 12)))
    }
    const fail = (error?: Error): void => {
      settle()
      reject(error ?? new Error('the server closed a connection'))
    }
    const close = (): void => fail()
    const settle = (): void => {
      socket.off('data', take).off('error', fail).off('close', close)
    }
    socket.on('data', take).on('error', fail).on('close', close)
    socket.write(request)
  })
}

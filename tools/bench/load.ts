import { connect, type Socket } from 'node:net'
import { quantile, sortedFinite } from '../../src/core/quantile.ts'

/** What the load generator's process is told, as JSON in its first argument. */
export interface LoadPlan {
  readonly port: number
  readonly path: string
  readonly connections: number
  readonly requests: number
  /** JSON bodies, sent in turn. */
  readonly bodies: readonly string[]
}

/** What it says when done, as a message to its parent. */
export interface LoadReport {
  readonly seconds: number
  /** Replies that were not 200. */
  readonly failed: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Sends `requests` over kept-alive sockets, one under way on each; by hand, since node's client costs more than the server. */
export async function load(plan: LoadPlan): Promise<LoadReport> {
  const requests = plan.bodies.map((body) => requestOf(plan, body))
  const latencies: number[] = []
  let [next, failed] = [0, 0]
  async function user(): Promise<void> {
    const socket = connect(plan.port, '127.0.0.1').setNoDelay(true).setEncoding('latin1')
    while (next < plan.requests) {
      const started = performance.now()
      const status = await ask(socket, requests[next++ % requests.length] ?? '')
      latencies.push(performance.now() - started)
      if (status !== 200) failed++
    }
    socket.destroy()
  }
  const started = performance.now()
  await Promise.all(Array.from({ length: plan.connections }, user))
  const seconds = (performance.now() - started) / 1_000
  const sorted = sortedFinite(latencies)
  return { seconds, failed, p50Ms: quantile(sorted, 0.5), p99Ms: quantile(sorted, 0.99) }
}

function requestOf({ port, path }: LoadPlan, body: string): string {
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
      socket.off('data', take)
      socket.off('error', reject)
      resolve(Number(reply.slice(9, 12)))
    }
    socket.on('data', take)
    socket.once('error', reject)
    socket.write(request)
  })
}

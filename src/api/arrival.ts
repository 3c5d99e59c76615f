import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '../core/clock.ts'

/** Connections, and whether what they send keeps coming. */
export interface Arrivals {
  /** Keeps an eye on a connection until it is closed. */
  watch(socket: Socket): void
  /** Looks at each of them once, and cuts off those of whose request too little came for too long. */
  sweep(): void
}

export interface ArrivalsDeps {
  readonly clock: Clock
  /** So much of a request must come within `idleMs`, or its end. */
  readonly leastBytes: number
  readonly idleMs: number
  /** The request that a connection has sent last, or is sending. */
  readonly latestRequest: (socket: Socket) => IncomingMessage | undefined
  readonly cutOff: (socket: Socket) => void
}

interface Mark {
  readonly request: IncomingMessage
  readonly bytes: number
  readonly atMs: number
}

/**
 * A limit on how long a body may stand still, and none on how long it may take: an upload of many gigabytes over a
 * slow line is no attack. For what has come and was not taken yet a client is not to blame. Looked at now and then,
 * so that a request costs nothing.
 */
export function createArrivals(deps: ArrivalsDeps): Arrivals {
  const { clock, leastBytes, idleMs, latestRequest, cutOff } = deps
  const sockets = new Set<Socket>()
  const marks = new WeakMap<Socket, Mark>()

  function look(socket: Socket): void {
    const request = latestRequest(socket)
    if (!request || request.complete) return
    const now: Mark = { request, bytes: socket.bytesRead, atMs: clock.monotonicMs() }
    const before = marks.get(socket)
    const hasMoved =
      before?.request !== request ||
      now.bytes - before.bytes >= leastBytes ||
      request.readableLength > 0
    if (hasMoved) marks.set(socket, now)
    else if (now.atMs - before.atMs >= idleMs) cutOff(socket)
  }

  return {
    watch(socket) {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    },
    sweep() {
      for (const socket of sockets) look(socket)
    },
  }
}

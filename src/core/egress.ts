import { Socket } from 'node:net'
import { GyreError } from './errors.ts'
import { isLoopback } from './loopback.ts'

/**
 * From now on this process opens no connection but to itself and to `allowed` hosts: any other is refused with
 * EGRESS_DENIED before its name is looked up, whichever library asks. Gives what ends that. It replaces
 * `Socket.prototype.connect`, the one way out that `http`, `https`, `fetch` and `tls` share.
 */
export function denyEgress(allowed: readonly string[]): () => void {
  const open = new Map(Object.entries(Object.getOwnPropertyDescriptors(Socket.prototype))).get(
    'connect',
  )
  if (typeof open?.value !== 'function') throw new GyreError('INTERNAL', 'no Socket.connect')
  const connect: (this: Socket, ...args: unknown[]) => Socket = open.value
  function guarded(this: Socket, ...args: unknown[]): Socket {
    const host = hostOf(args)
    if (host === undefined || isLoopback(host) || allowed.includes(host))
      return connect.apply(this, args)
    throw new GyreError(
      'EGRESS_DENIED',
      `a connection to ${host} was refused: add it to egressAllow in gyre.json, or set egress to "allow"`,
      { host },
    )
  }
  Object.defineProperty(Socket.prototype, 'connect', { ...open, value: guarded })
  return () => void Object.defineProperty(Socket.prototype, 'connect', open)
}

/** The host of `connect(options)`, `connect(port, host)` or Node's own form of both; undefined for a path. */
function hostOf(args: readonly unknown[]): string | undefined {
  const [first, second] = args
  if (Array.isArray(first)) return hostOf(first)
  if (typeof first === 'object' && first !== null) {
    const { path, host }: { readonly path?: unknown; readonly host?: unknown } = first
    if (typeof path === 'string') return undefined
    return typeof host === 'string' ? host : 'localhost'
  }
  if (typeof first === 'string' && Number.isNaN(Number(first))) return undefined
  return typeof second === 'string' ? second : 'localhost'
}

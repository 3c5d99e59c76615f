import type { AddressInfo } from 'node:net'
import { errnoOf, GyreError } from '../core/errors.ts'
import { hostText } from './host.ts'

/** Why an address could not be listened on: PORT_TAKEN, or INVALID_ARGUMENT for one that is not ours to take. */
export function listenError(host: string, port: number, error: unknown): unknown {
  const errno = errnoOf(error)
  if (errno === 'EADDRINUSE')
    return new GyreError(
      'PORT_TAKEN',
      `port ${port} is taken by another program; stop it or choose another with --port`,
      { port },
      error,
    )
  if (errno === undefined) return error
  const reason = error instanceof Error ? error.message : errno
  return new GyreError(
    'INVALID_ARGUMENT',
    `cannot listen on ${hostText(host)}:${port} (${reason}); choose others with --host and --port`,
    { host, port },
    error,
  )
}

/** The port that was given where 0 was asked for. */
export function boundPort(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string')
    throw new GyreError('INTERNAL', 'no TCP address')
  return address.port
}

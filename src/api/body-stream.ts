import type { IncomingMessage } from 'node:http'
import { GyreError } from '../core/errors.ts'

/** The bytes of a body as they come. Throws CANCELLED when the client leaves before the end. */
export async function* bodyStream(request: IncomingMessage): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of request) if (chunk instanceof Uint8Array) yield chunk
  } catch (error) {
    throw new GyreError('CANCELLED', 'the client left', {}, error)
  }
  if (!request.complete) throw new GyreError('CANCELLED', 'the client left')
}

/** How many bytes a request says that its body has; undefined where it says nothing. */
export function announcedBytes({ headers }: IncomingMessage): number | undefined {
  const length = headers['content-length']
  return length === undefined ? undefined : Number(length)
}

/** The type that a request declares for its body, without parameters; undefined when there is none. */
export function declaredType({ headers }: IncomingMessage): string | undefined {
  return /^\s*([\w.+-]{1,100}\/[\w.+-]{1,100})\s*(?:;|$)/
    .exec(headers['content-type'] ?? '')?.[1]
    ?.toLowerCase()
}

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Scope } from '../access/scope.ts'
import type { Context } from '../core/context.ts'

/** Paths answered in front of Fastify. It passes the same admission as every route. */
export interface RawDoor {
  readonly scope: Scope
  matches(path: string): boolean
  /** Errors it throws are answered as problems. */
  handle(request: IncomingMessage, response: ServerResponse, ctx: Context): Promise<void>
}

/** A raw door cannot be made without a scope. */
export function defineRawRoute(door: RawDoor): RawDoor {
  return door
}

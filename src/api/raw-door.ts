import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Scope } from '../access/scope.ts'
import type { Context } from '../core/context.ts'
import type { Described } from './route.ts'

/** Paths answered in front of Fastify. It passes the same admission as every route. */
export interface RawDoor {
  readonly scope: Scope
  /** What it answers, for the OpenAPI document: nothing of this is mounted or checked. */
  readonly described: readonly Omit<Described, 'scope'>[]
  matches(path: string): boolean
  /** Errors it throws are answered as problems. */
  handle(request: IncomingMessage, response: ServerResponse, ctx: Context): Promise<void>
}

/** A raw door cannot be made without a scope. */
export function defineRawRoute(door: RawDoor): RawDoor {
  return door
}

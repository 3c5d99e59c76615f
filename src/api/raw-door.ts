import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Scope } from '../access/scope.ts'
import type { Context } from '../core/context.ts'
import type { Described } from './route.ts'

/** Paths answered in front of Fastify. It passes the same admission as every route. */
export interface RawDoor {
  /** One for all its paths, or what a request asks for; that may throw as `handle` may. */
  readonly scope: Scope | ((request: IncomingMessage) => Scope)
  /** What it answers, for the OpenAPI document: nothing of this is mounted or checked. */
  readonly described: readonly Described[]
  matches(path: string): boolean
  /** Errors it throws are answered as problems, or by `answerError`. */
  handle(request: IncomingMessage, response: ServerResponse, ctx: Context): Promise<void>
  /** Answers an error, one of admission too, in the shape of a protocol of its own. */
  answerError?(response: ServerResponse, thrown: unknown, requestId: string): void
}

/** A raw door cannot be made without a scope. */
export function defineRawRoute(door: RawDoor): RawDoor {
  return door
}

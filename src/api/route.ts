import type { IncomingMessage, ServerResponse } from 'node:http'
import type { z } from 'zod'
import type { Scope } from '../access/scope.ts'
import type { Context } from '../core/context.ts'
import type { ErrorCode } from '../core/errors.ts'
import type { Rooms } from './rooms.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** What a route needs of a request, once parsed. */
export interface Parsed<P, Q, B> {
  readonly params: P
  readonly query: Q
  readonly body: B
}

/** An endpoint as a value: how it is asked, who may ask, what it answers, and the one verb it calls. */
export interface Route<P = unknown, Q = unknown, B = unknown, R = unknown> {
  readonly method: Method
  /** Fastify notation: `/api/v1/models/:name`. */
  readonly path: string
  readonly summary: string
  readonly scope: Scope
  readonly params?: z.ZodType<P>
  readonly query?: z.ZodType<Q>
  readonly body?: z.ZodType<B>
  readonly reply: z.ZodType<R>
  /** 200 unless told. */
  readonly status?: number
  readonly errors: readonly ErrorCode[]
  handle(rooms: Rooms, ctx: Context, parsed: Parsed<P, Q, B>): Promise<R>
}

/** What the OpenAPI document tells of an endpoint that speaks JSON. */
export type Described = Omit<Route, 'params' | 'handle'>

/** A route whose body or reply is a stream of bytes, not JSON. */
export interface StreamRoute {
  readonly kind: 'stream'
  readonly method: Method
  readonly path: string
  readonly summary: string
  readonly scope: Scope
  readonly errors: readonly ErrorCode[]
  handle(rooms: Rooms, ctx: Context, request: StreamRequest): Promise<void>
}

export interface StreamRequest {
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Aborted when the client goes away or the server stops. */
  readonly signal: AbortSignal
}

export type AnyRoute = Route | StreamRoute

/** Keeps the types of a route's parts together while it is written. */
export function defineRoute<P, Q, B, R>(route: Route<P, Q, B, R>): Route {
  return route
}

export function defineStream(route: Omit<StreamRoute, 'kind'>): StreamRoute {
  return { kind: 'stream', ...route }
}

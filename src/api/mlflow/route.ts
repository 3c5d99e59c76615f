import type { IncomingMessage, ServerResponse } from 'node:http'
import type { z } from 'zod'
import type { Scope } from '../../access/scope.ts'
import type { Context } from '../../core/context.ts'
import type { Rooms } from '../rooms.ts'

export type MlflowMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** A request on its way through a route, for handlers that read or write bytes themselves. */
export interface Call {
  /** Of `{name}` in the path; `*` holds what a trailing `/*` matched, still percent-encoded. */
  readonly params: Readonly<Record<string, string>>
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** What a route needs to tell which run it writes to. */
export interface Asking {
  readonly rooms: Rooms
  readonly ctx: Context
  readonly call: Call
}

/** One endpoint of MLflow's REST API. */
export interface MlflowRoute<Input = unknown> {
  readonly method: MlflowMethod
  /** Below `/api/VERSION`: `/mlflow/runs/get`, `/mlflow/logged-models/{model_id}`, `/mlflow-artifacts/artifacts/*`. */
  readonly path: string
  /** `2.0` unless told; each is answered under `/api` and `/ajax-api`. */
  readonly versions?: readonly ('2.0' | '3.0')[]
  readonly summary: string
  readonly scope: Scope
  /** Of the JSON body, or of the query for GET and DELETE without a body. Undefined: the handler reads the body itself. */
  readonly input: z.ZodType<Input> | undefined
  /** The body holds values of any type: a long integer in it is the number it is, and not the digits of an int64. */
  readonly plainNumbers?: true
  /** The run that it writes to; every route of the scope `log` tells it. Empty where it is none. */
  logsTo?(input: NoInfer<Input>, asking: Asking): string | Promise<string>
  /** Gives the JSON reply; undefined when it has answered by itself. */
  handle(rooms: Rooms, ctx: Context, input: Input, call: Call): Promise<object | undefined>
}

/** Keeps the types of a route's parts together while it is written. */
export function defineMlflow<Input>(route: MlflowRoute<Input>): MlflowRoute {
  return route
}

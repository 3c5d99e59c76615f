import type { GyreError } from '../core/errors.ts'
import type { Answer, Request } from './protocol.ts'
import type { Graph } from './session.ts'

/** What an ask comes to, or the error that is its own. */
export type Result<Reply> =
  | { readonly kind: 'answer'; readonly answer: Reply }
  | { readonly kind: 'error'; readonly error: GyreError }

/** How one kind of model is asked: what is a batch, and how it travels to a worker and back. */
export interface Lane<Ask, Reply> {
  rowsOf(ask: Ask): number
  /** Whether `next` may share the batch that `first` begins. */
  joins(first: Ask, next: Ask): boolean
  /** Told what a worker has found its graph to be, before anything is asked. */
  loaded(graph: Graph | undefined): void
  /** The most rows of a batch; undefined leaves it to the pool. */
  readonly maxRows: number | undefined
  request(session: number, asks: readonly Ask[]): Request
  /** One result for each ask, in order; undefined when that is no answer to such a request. */
  results(asks: readonly Ask[], answer: Answer): readonly Result<Reply>[] | undefined
}

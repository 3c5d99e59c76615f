import type { Columns, Parameter, Row } from '../analytics.ts'

/** What the server asks its DuckDB process. */
export type Request =
  | {
      readonly verb: 'query' | 'columns'
      readonly id: number
      readonly sql: string
      readonly params: readonly Parameter[]
    }
  | { readonly verb: 'exec'; readonly id: number; readonly sql: string }
  | { readonly verb: 'abort'; readonly id: number }

export type Answer = readonly Row[] | Columns | undefined

export type Response =
  | { readonly id: number; readonly ok: true; readonly answer: Answer }
  | { readonly id: number; readonly ok: false; readonly code: string; readonly message: string }

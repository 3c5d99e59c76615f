/** What has fields of fixed names: the row itself, or what hangs on it. */
export type NamedEntity = 'attribute' | 'dataset' | 'span' | 'issue'

/** What hangs on the row under keys of the user's. */
export type KeyedEntity = 'metric' | 'param' | 'tag' | 'metadata' | 'feedback' | 'expectation'

/** What a clause asks about. */
export type Entity = NamedEntity | KeyedEntity

export type Comparison = '=' | '!=' | '<' | '<=' | '>' | '>='

export type Operator = Comparison | 'LIKE' | 'ILIKE' | 'IN' | 'NOT IN' | 'IS NULL' | 'IS NOT NULL'

/** One condition. `key` is the attribute under its own name (never an alias), or the key as it was logged. */
export type Clause = { readonly entity: Entity; readonly key: string } & (
  | { readonly operator: Comparison; readonly value: number | string }
  | { readonly operator: 'LIKE' | 'ILIKE'; readonly value: string }
  | { readonly operator: 'IN' | 'NOT IN'; readonly value: readonly (number | string)[] }
  | { readonly operator: 'IS NULL' | 'IS NOT NULL' }
)

/** A row matches when every clause does; no clause matches every row. */
export interface Filter {
  readonly clauses: readonly Clause[]
}

import type { Expression } from 'kysely'
import type { Entity } from './filter-clause.ts'

/** Where the value of a key is found: in the row itself, or in a table with a row per owner and key. */
export type Reach =
  | {
      readonly in: 'row'
      readonly column: Expression<unknown>
      /** It can be NULL: rows without it come last in every order. */
      readonly optional?: true
    }
  | {
      readonly in: 'table'
      readonly table: string
      /** The column that refers to {@link ColumnPlan.row}. */
      readonly owner: string
      /** The column of keys; without one every row of the table counts. */
      readonly key?: string
      /** The key there, where it is another than that of the clause. */
      readonly as?: string
      /** The column of values. NULL in it is a metric that is NaN. */
      readonly value: string
      /** One index finds the row of an owner and a key, another the owners of a key by value: each search takes what is less. */
      readonly indexed?: true
    }

/** How the fields of a dialect are reached in the tables of one kind. */
export interface ColumnPlan {
  /** The identity of a row, in the scope where the filter will stand. */
  readonly row: Expression<unknown>
  reach(entity: Entity, key: string): Reach
}

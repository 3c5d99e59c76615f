import type { GyreError } from '../../core/errors.ts'
import type { Entity } from './filter-clause.ts'
import { createCursor } from './query-cursor.ts'
import { findAttribute, list, parseIdentifier } from './query-identifier.ts'
import { refusal } from './query-refusal.ts'
import type { Dialect, OrderKey } from './search-dialect.ts'

/** Each key costs a join; MLflow's page of runs sends one. */
const MAX_KEYS = 20

/** A member of `order_by` that is an object, as for logged models: `metrics.` and then the key as it is. */
export interface OrderField {
  readonly fieldName: string
  readonly ascending: boolean
}

interface Asked {
  readonly text: string
  readonly key: OrderKey
}

/**
 * The whole order of a search: the keys asked for, or the usual ones, and then the ties of the dialect, so that
 * no two rows are equal. Throws INVALID_ARGUMENT naming token and position, with `details.field` = 'order_by';
 * also for more than 20 keys, and for a key that comes twice (MLflow answers 500 to that).
 */
export function parseOrderBy(texts: readonly string[], dialect: Dialect): readonly OrderKey[] {
  return wholeOrder(
    texts.map((text) => ({ text, key: parseOrderKey(text, dialect) })),
    dialect,
  )
}

/** As {@link parseOrderBy}, for `order_by` that is a list of objects. */
export function orderByFields(
  fields: readonly OrderField[],
  dialect: Dialect,
): readonly OrderKey[] {
  return wholeOrder(
    fields.map((field) => ({ text: field.fieldName, key: fieldKey(field, dialect) })),
    dialect,
  )
}

function wholeOrder(asked: readonly Asked[], { order }: Dialect): readonly OrderKey[] {
  const keys: OrderKey[] = []
  const isIn = ({ entity, key }: OrderKey): boolean =>
    keys.some((known) => known.entity === entity && known.key === key)
  for (const { text, key } of asked) {
    if (isIn(key)) throw refuse(text, 'this key orders already')
    if (keys.length === MAX_KEYS) throw refuse(text, `more than ${MAX_KEYS} keys`)
    keys.push(key)
  }
  const rest = asked.length === 0 ? [...order.usual, ...order.ties] : order.ties
  for (const key of rest) if (!isIn(key)) keys.push(key)
  return keys
}

/** `metrics.auc DESC`, `` metrics.`a b` ``, `start_time asc`: one key, ascending unless told. */
function parseOrderKey(text: string, dialect: Dialect): OrderKey {
  const cursor = createCursor({ field: 'order_by', text })
  const identifier = parseIdentifier(cursor, dialect)
  const { entity, key, ordered } = identifier
  if (!ordered || !canOrder(entity))
    throw cursor.refuse(`${dialect.kind} are not ordered by this`, identifier)
  const direction = cursor.takeWord('DESC') ? 'desc' : 'asc'
  if (direction === 'asc') cursor.takeWord('ASC')
  if (cursor.peek().kind !== 'end')
    throw cursor.refuse('after the key may come ASC or DESC, other keys stand apart')
  return { entity, key, direction }
}

function canOrder(entity: Entity): entity is OrderKey['entity'] {
  return ORDERING.some((known) => known === entity)
}

const ORDERING: readonly OrderKey['entity'][] = ['attribute', 'metric', 'param', 'tag', 'metadata']

function fieldKey({ fieldName, ascending }: OrderField, dialect: Dialect): OrderKey {
  const direction = ascending ? 'asc' : 'desc'
  const dot = fieldName.indexOf('.')
  if (dot < 0) {
    const found = findAttribute(dialect.attributes, fieldName.trim())
    if (found?.[1].ordered === true) return { entity: 'attribute', key: found[0], direction }
    const names = Object.entries(dialect.attributes).filter(([, { ordered }]) => ordered)
    throw refuse(fieldName, `${dialect.kind} are ordered by ${list(names.map(([name]) => name))}`)
  }
  const entity = dialect.order.keyed.find((keyed) =>
    dialect.prefixes[keyed]?.includes(fieldName.slice(0, dot)),
  )
  if (entity === undefined)
    throw refuse(fieldName, `before the dot may stand ${list(dialect.order.keyed)}s`)
  return { entity, key: fieldName.slice(dot + 1), direction }
}

function refuse(text: string, why: string): GyreError {
  return refusal({ field: 'order_by', text }, { start: 0, end: text.length }, why)
}

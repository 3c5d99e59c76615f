import type { Entity, NamedEntity } from './filter-clause.ts'
import type { Token } from './filter-lexer.ts'
import type { Cursor } from './query-cursor.ts'
import type { Dialect, Field, NamedField } from './search-dialect.ts'

/** What the key of a clause begins with that asks about an attribute of a span. */
export const SPAN_ATTRIBUTES = 'attributes.'

/** A field of a dialect, as a text names it. */
export interface Identifier {
  readonly entity: Entity
  readonly key: string
  readonly field: Field
  readonly ordered: boolean
  readonly start: number
  readonly end: number
}

/** A name as it stands in the text: what is before the first dot, if there is one, and what follows. */
interface Path {
  readonly prefix:
    | { readonly text: string; readonly start: number; readonly end: number }
    | undefined
  readonly key: string
  readonly start: number
  readonly end: number
}

/**
 * Reads `status`, `metrics.auc`, `params.a.b`, `` tags.`any key` `` and looks it up. Prefixes and attributes
 * are case-sensitive, as with MLflow.
 */
export function parseIdentifier(cursor: Cursor, dialect: Dialect): Identifier {
  const path = readPath(cursor)
  if (path.prefix === undefined) return named(cursor, dialect, 'attribute', path)
  const entity = entityOf(dialect, path.prefix.text)
  if (entity === undefined)
    throw cursor.refuse(
      `before the dot of ${dialect.kind} may stand ${list(allPrefixes(dialect))}`,
      path.prefix,
    )
  if (isNamed(entity)) return named(cursor, dialect, entity, path)
  const field = dialect.keyed[entity]
  if (field === undefined) throw cursor.refuse(`${dialect.kind} have no ${entity}s`, path)
  const ordered = dialect.order.keyed.some((keyed) => keyed === entity)
  return { entity, key: path.key, field, ordered, start: path.start, end: path.end }
}

export function findAttribute(
  fields: Readonly<Record<string, NamedField>>,
  name: string,
): readonly [string, NamedField] | undefined {
  return Object.entries(fields).find(
    ([key, field]) => key === name || field.aliases?.includes(name) === true,
  )
}

function named(
  cursor: Cursor,
  dialect: Dialect,
  entity: NamedEntity,
  { key, start, end }: Path,
): Identifier {
  if (entity === 'span' && key.startsWith(SPAN_ATTRIBUTES) && dialect.spanAttribute)
    return { entity, key, field: dialect.spanAttribute, ordered: false, start, end }
  const fields = (entity === 'attribute' ? dialect.attributes : dialect.named?.[entity]) ?? {}
  const found = findAttribute(fields, key)
  if (found === undefined)
    throw cursor.refuse(`the ${entity}s of ${dialect.kind} are ${list(Object.keys(fields))}`, {
      start,
      end,
    })
  const [name, field] = found
  return { entity, key: name, field, ordered: field.ordered === true, start, end }
}

function readPath(cursor: Cursor): Path {
  const first = cursor.next()
  if (first.kind !== 'word' && first.kind !== 'quoted')
    throw cursor.refuse('a name is due here', first)
  if (first.kind === 'quoted' && first.quote === "'")
    throw cursor.refuse('a clause begins with a name, the value comes after the operator', first)
  const { start } = first
  if (cursor.peek().kind !== 'dot') return splitPath(first)
  if (first.kind === 'quoted' && first.quote === '"')
    throw cursor.refuse('the part before the dot stands without quotes', first)
  const { key, end } = readKey(cursor)
  return { prefix: first, key, start, end }
}

/** `` `metrics.auc` ``, quoted as a whole, is how MLflow's `order_by` may say it; no attribute has a dot. */
function splitPath({ text, start, end }: Token): Path {
  const dot = text.indexOf('.')
  if (dot < 0) return { prefix: undefined, key: text, start, end }
  return { prefix: { text: text.slice(0, dot), start, end }, key: text.slice(dot + 1), start, end }
}

/** What follows the first dot: words joined by dots, or one quoted key. */
function readKey(cursor: Cursor): { readonly key: string; readonly end: number } {
  const first = readPart(cursor)
  const words = [first.text]
  let { end } = first
  while (cursor.peek().kind === 'dot') {
    const part = first.kind === 'quoted' ? cursor.peek() : readPart(cursor)
    if (part.kind !== 'word')
      throw cursor.refuse('a key stands in quotes as a whole or not at all', part)
    words.push(part.text)
    end = part.end
  }
  return { key: words.join('.'), end }
}

function readPart(cursor: Cursor): Token {
  const dot = cursor.next()
  const part = cursor.peek()
  if (part.start !== dot.end || (part.kind !== 'word' && part.kind !== 'quoted'))
    throw cursor.refuse('a key must follow the dot at once')
  return cursor.next()
}

function entityOf(dialect: Dialect, prefix: string): Entity | undefined {
  for (const entity of ENTITIES) if (dialect.prefixes[entity]?.includes(prefix)) return entity
  return undefined
}

const NAMED: readonly NamedEntity[] = ['attribute', 'dataset', 'span', 'issue']

const ENTITIES: readonly Entity[] = [
  'attribute',
  'metric',
  'param',
  'tag',
  'metadata',
  'dataset',
  'span',
  'feedback',
  'expectation',
  'issue',
]

export function isNamed(entity: Entity): entity is NamedEntity {
  return NAMED.some((one) => one === entity)
}

function allPrefixes(dialect: Dialect): readonly string[] {
  return ENTITIES.flatMap((entity) => dialect.prefixes[entity]?.slice(0, 2) ?? [])
}

export function list(words: readonly string[]): string {
  return words.length < 2
    ? words.join('')
    : `${words.slice(0, -1).join(', ')} or ${words.at(-1) ?? ''}`
}

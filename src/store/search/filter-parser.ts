import type { Clause, Filter, Operator } from './filter-clause.ts'
import { createCursor, type Cursor } from './query-cursor.ts'
import { isNamed, list, parseIdentifier, type Identifier } from './query-identifier.ts'
import type { Dialect, FieldType } from './search-dialect.ts'

/** SQLite refuses expressions deeper than 1000, and each clause may cost a sub-select. */
const MAX_CLAUSES = 1000

/** In characters; the longest value kept is 8,000. SQLite ends at 50,000 bytes of the pattern that we make of it. */
const MAX_PATTERN = 10_000

const COMPARISONS = ['=', '!=', '<', '<=', '>', '>='] as const

/**
 * Parses MLflow's filter language (docs/guides/search.md). An empty text matches everything. O(length). Throws
 * INVALID_ARGUMENT naming the token and its position, with `details.field` = 'filter'.
 */
export function parseFilter(text: string, dialect: Dialect): Filter {
  if (text === '') return { clauses: [] }
  const cursor = createCursor({ field: 'filter', text })
  if (cursor.peek().kind === 'end') throw cursor.refuse('there is no clause')
  const clauses: Clause[] = []
  for (;;) {
    // MLflow takes a superfluous AND, and two clauses without one; scripts that glue filters together do both.
    if (cursor.takeWord('AND')) continue
    if (cursor.peek().kind === 'end') return { clauses }
    if (clauses.length === MAX_CLAUSES) throw cursor.refuse(`more than ${MAX_CLAUSES} clauses`)
    refuseOtherLogic(cursor)
    clauses.push(parseClause(cursor, dialect))
  }
}

function refuseOtherLogic(cursor: Cursor): void {
  const { kind, text } = cursor.peek()
  if (kind === '(' || (kind === 'word' && ['OR', 'NOT'].includes(text.toUpperCase())))
    throw cursor.refuse('clauses are joined by AND only, without OR, NOT or parentheses')
}

function parseClause(cursor: Cursor, dialect: Dialect): Clause {
  const identifier = parseIdentifier(cursor, dialect)
  const { entity, key } = identifier
  const operator = parseOperator(cursor, identifier)
  switch (operator) {
    case 'IS NULL':
    case 'IS NOT NULL':
      return { entity, key, operator }
    case 'IN':
    case 'NOT IN':
      return { entity, key, operator, value: parseList(cursor, identifier, dialect) }
    case 'LIKE':
    case 'ILIKE':
      return { entity, key, operator, value: parsePattern(cursor, identifier, dialect) }
    case '=':
    case '!=':
    case '<':
    case '<=':
    case '>':
    case '>=':
      return { entity, key, operator, value: parseValue(cursor, identifier, dialect, operator) }
  }
}

function parseOperator(cursor: Cursor, { field, entity, key }: Identifier): Operator {
  const first = cursor.peek()
  const operator = readOperator(cursor)
  if (operator !== undefined && field.operators.includes(operator)) return operator
  const what = isNamed(entity)
    ? `${entity} ${key}`
    : `${entity === 'expectation' ? 'an' : 'a'} ${entity}`
  throw cursor.refuse(
    field.operators.length === 0
      ? `${what} orders, but does not filter`
      : `${what} is compared by ${list(field.operators)}`,
    first,
  )
}

function readOperator(cursor: Cursor): Operator | undefined {
  const { kind, text } = cursor.peek()
  if (kind === 'operator') {
    cursor.next()
    return COMPARISONS.find((known) => known === text)
  }
  if (cursor.takeWord('LIKE')) return 'LIKE'
  if (cursor.takeWord('ILIKE')) return 'ILIKE'
  if (cursor.takeWord('IN')) return 'IN'
  if (cursor.takeWord('NOT')) return cursor.takeWord('IN') ? 'NOT IN' : undefined
  if (!cursor.takeWord('IS')) return undefined
  const not = cursor.takeWord('NOT')
  if (!cursor.takeWord('NULL')) throw cursor.refuse('after IS comes NULL or NOT NULL')
  return not ? 'IS NOT NULL' : 'IS NULL'
}

function parseValue(
  cursor: Cursor,
  { field }: Identifier,
  { bareNumbersAsText }: Dialect,
  operator: Operator,
): number | string {
  const token = cursor.next()
  const isText = token.kind === 'quoted' && token.quote !== '`'
  const type = typeFor(field.type, operator)
  if (type === 'text') {
    if (isText || (token.kind === 'number' && bareNumbersAsText)) return token.text
    throw cursor.refuse('a value in single or double quotes is due here', token)
  }
  const whole = isWhole(token.text)
  if (token.kind === 'number' && (type === 'number' || whole)) return Number(token.text)
  if (isText && field.quoted && whole) return Number(token.text)
  const due = type === 'integer' ? 'a whole number' : 'a number'
  throw cursor.refuse(`${due} is due here${field.quoted ? '' : ', without quotes'}`, token)
}

function typeFor(type: FieldType, operator: Operator): Exclude<FieldType, 'any'> {
  if (type !== 'any') return type
  return operator.startsWith('<') || operator.startsWith('>') ? 'number' : 'text'
}

function parsePattern(cursor: Cursor, identifier: Identifier, dialect: Dialect): string {
  const token = cursor.peek()
  const pattern = String(parseValue(cursor, identifier, dialect, 'LIKE'))
  if (pattern.length > MAX_PATTERN)
    throw cursor.refuse(`a pattern has at most ${MAX_PATTERN} characters`, token)
  return pattern
}

/** `('a', 'b')`, with a comma at the end if one likes: Python prints a tuple of one as `('a',)`. */
function parseList(
  cursor: Cursor,
  identifier: Identifier,
  dialect: Dialect,
): readonly (number | string)[] {
  if (cursor.peek().kind !== '(') throw cursor.refuse('a list in parentheses is due here')
  cursor.next()
  const values: (number | string)[] = []
  do {
    if (values.length > 0 && cursor.peek().kind === ')') break
    values.push(parseValue(cursor, identifier, dialect, 'IN'))
  } while (takeComma(cursor))
  if (cursor.peek().kind !== ')') throw cursor.refuse('a comma or the end of the list is due here')
  cursor.next()
  return values
}

function takeComma(cursor: Cursor): boolean {
  const taken = cursor.peek().kind === ','
  if (taken) cursor.next()
  return taken
}

function isWhole(text: string): boolean {
  return /^-?\d+$/.test(text)
}

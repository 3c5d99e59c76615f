import { z } from 'zod'
import { GyreError, toGyreError } from '../core/errors.ts'
import { sqlName, sqlText, type Analytics } from '../store/analytics.ts'
import { textCell } from './cell.ts'
import { describe } from './source.ts'

/** What an expression may be made of. Left out on purpose: subqueries, windows, lambdas, stars, parameters. */
const ALLOWED_CLASSES: ReadonlySet<string> = new Set([
  'BETWEEN',
  'CASE',
  'CAST',
  'COLUMN_REF',
  'COMPARISON',
  'CONJUNCTION',
  'CONSTANT',
  'FUNCTION',
  'OPERATOR',
])

/** Macros that only rearrange their arguments; other macros may reach for the catalog or the clock. */
const ALLOWED_MACROS: readonly string[] = ['nullif', 'split_part']

/** Called consistent by DuckDB, yet they answer with settings of the server. */
const DENIED_FUNCTIONS: ReadonlySet<string> = new Set(['current_setting', 'getvariable'])

/** The part of `json_serialize_sql`'s answer that matters here. */
const ParsedSql = z.union([
  z.object({ error: z.literal(true), error_message: z.string() }),
  z.object({
    error: z.literal(false),
    statements: z.array(
      z.object({
        node: z.object({
          type: z.string(),
          select_list: z.array(z.unknown()).default([]),
          from_table: z.object({ type: z.string() }).optional(),
          where_clause: z.unknown(),
        }),
      }),
    ),
  }),
])

/**
 * `relation` with the derived columns added, one after another, so that each may use those before it. An
 * expression is one scalar expression over columns that gives the same answer every time: it is parsed by
 * DuckDB, never trusted as text. Throws INVALID_ARGUMENT naming `derive.NAME`.
 */
export async function addDerived(
  analytics: Analytics,
  relation: string,
  derive: Readonly<Record<string, string>>,
): Promise<string> {
  const entries = Object.entries(derive)
  if (entries.length === 0) return relation
  const functions = await pureFunctions(analytics)
  let extended = relation
  for (const [name, expression] of entries) {
    const columns = (await describe(analytics, extended)).map((column) => column.name)
    if (columns.includes(name)) throw broken(name, 'the file has a column of that name')
    await assertScalar(analytics, name, expression, new Set(columns), functions)
    extended = `(SELECT *, ${bracketed(expression)} AS ${sqlName(name)} FROM ${extended})`
    await assertBinds(analytics, name, extended)
  }
  return extended
}

/** On lines of its own, so that a trailing comment ends before the bracket. */
function bracketed(expression: string): string {
  return `(\n${expression}\n)`
}

/** Scalar functions whose answer depends on their arguments alone. */
async function pureFunctions(analytics: Analytics): Promise<ReadonlySet<string>> {
  const rows = await analytics.query(
    `SELECT DISTINCT function_name AS name FROM duckdb_functions()
     WHERE function_type = 'scalar' AND stability = 'CONSISTENT'`,
  )
  return new Set([...rows.map((row) => textCell(row, 'name')), ...ALLOWED_MACROS])
}

async function assertScalar(
  analytics: Analytics,
  name: string,
  expression: string,
  columns: ReadonlySet<string>,
  functions: ReadonlySet<string>,
): Promise<void> {
  const statement = sqlText(`SELECT ${bracketed(expression)}`)
  const [row] = await analytics.query(`SELECT json_serialize_sql(${statement})::VARCHAR AS parsed`)
  const parsed = ParsedSql.parse(JSON.parse(textCell(row, 'parsed')))
  if (parsed.error) throw broken(name, parsed.error_message)
  const node = parsed.statements[0]?.node
  const single =
    parsed.statements.length === 1 &&
    node?.select_list.length === 1 &&
    node.from_table?.type === 'EMPTY' &&
    node.where_clause === null
  if (!single) throw broken(name, 'expected a single expression')
  for (const part of expressionsIn(node.select_list)) {
    const problem = problemOf(part, columns, functions)
    if (problem !== undefined) throw broken(name, problem)
  }
}

type SyntaxNode = Readonly<Record<string, unknown>> & { readonly class: string }

/** Every expression within a parsed tree, outermost first. */
function* expressionsIn(tree: unknown): Generator<SyntaxNode> {
  if (typeof tree !== 'object' || tree === null) return
  if (isSyntaxNode(tree)) yield tree
  for (const child of Object.values(tree)) yield* expressionsIn(child)
}

function isSyntaxNode(value: object): value is SyntaxNode {
  return 'class' in value && typeof value.class === 'string'
}

function problemOf(
  part: SyntaxNode,
  columns: ReadonlySet<string>,
  functions: ReadonlySet<string>,
): string | undefined {
  if (!ALLOWED_CLASSES.has(part.class))
    return `expected a scalar expression, got ${part.class.toLowerCase()}`
  if (part.class === 'FUNCTION') {
    const called = String(part['function_name'])
    return functions.has(called) && !DENIED_FUNCTIONS.has(called)
      ? undefined
      : `${called} is not a function that depends on its arguments alone`
  }
  if (part.class !== 'COLUMN_REF') return undefined
  const path = z.array(z.string()).parse(part['column_names'])
  return path.length === 1 && columns.has(path[0] ?? '')
    ? undefined
    : `no column ${path.join('.')}; there are ${[...columns].join(', ')}`
}

/** DuckDB has the last word: functions exist, types go together, and one value comes out. */
async function assertBinds(analytics: Analytics, name: string, relation: string): Promise<void> {
  const columns = await describe(analytics, relation).catch((thrown: unknown) => {
    throw broken(name, toGyreError(thrown).message, thrown)
  })
  const type = columns.find((column) => column.name === name)?.type ?? ''
  if (/^(STRUCT|MAP|UNION)\(|\]$/.test(type))
    throw broken(name, `expected a single value, got ${type}`)
}

function broken(name: string, reason: string, cause?: unknown): GyreError {
  const field = `derive.${name}`
  return new GyreError('INVALID_ARGUMENT', `${field}: ${reason}`, { field }, cause)
}

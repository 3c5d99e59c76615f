import { sql, type RawBuilder, type SqlBool } from 'kysely'
import { GyreError } from '../core/errors.ts'
import type { ColumnPlan } from '../store/search/column-plan.ts'
import type { Clause } from '../store/search/filter-clause.ts'
import { allOf, clauseSql, holds } from '../store/search/filter-sql.ts'
import { SPAN_ATTRIBUTES } from '../store/search/query-identifier.ts'
import { sqlNumber } from '../store/search/sql-number.ts'
import { SESSION_KEY } from './trace-label.ts'

/** Where the traces of a session are looked for. */
export interface TraceScope {
  readonly project: string
  readonly experiments: readonly number[]
}

/** The condition that all clauses hold of a row of `traces`. What is asked of spans must all hold of one span. */
export function traceFilterSql(
  clauses: readonly Clause[],
  plan: ColumnPlan,
  scope: TraceScope,
): RawBuilder<SqlBool> {
  const ofSpans = clauses.filter(asksOfSpan)
  const others = clauses.filter((clause) => !asksOfSpan(clause))
  const conditions = others.map((clause) => conditionOf(clause, plan, scope))
  return allOf(ofSpans.length === 0 ? conditions : [...conditions, anySpan(ofSpans)])
}

function asksOfSpan({ entity, key }: Clause): boolean {
  return entity === 'span' || (entity === 'attribute' && key === 'text')
}

function conditionOf(clause: Clause, plan: ColumnPlan, scope: TraceScope): RawBuilder<SqlBool> {
  const { entity, key } = clause
  if (entity === 'feedback' || entity === 'expectation') return judged(clause, scope)
  if (entity === 'issue')
    return sql`traces.seq IN (
      SELECT trace FROM assessments WHERE kind = 'issue' AND ${holds(clause, sql.ref('name'))})`
  if (entity === 'attribute' && key === 'prompt') return promptSql(clause)
  const own = clauseSql(clause, plan)
  if (entity !== 'attribute' || key !== 'run_id') return own
  if (clause.operator !== '=' && clause.operator !== 'IN') return own
  return sql`(${own} OR traces.seq IN (
    SELECT trace FROM trace_runs WHERE ${holds(clause, sql.ref('run'))}))`
}

function promptSql(clause: Clause): RawBuilder<SqlBool> {
  const prompt = clause.operator === '=' ? String(clause.value) : ''
  if (!/^[^/]*\/[^/]*$/.test(prompt))
    throw new GyreError('INVALID_ARGUMENT', "invalid filter: a prompt is said as 'NAME/VERSION'", {
      field: 'filter',
    })
  return sql`traces.seq IN (SELECT trace FROM trace_prompts WHERE prompt = ${prompt})`
}

function anySpan(clauses: readonly Clause[]): RawBuilder<SqlBool> {
  return sql`EXISTS (
    SELECT 1 FROM trace_spans AS span
    WHERE span.trace = traces.seq AND ${allOf(clauses.map(spanSql))})`
}

function spanSql(clause: Clause): RawBuilder<SqlBool> {
  const { entity, key } = clause
  if (entity === 'attribute' || key === 'content') return holds(clause, sql.ref('span.content'))
  if (!key.startsWith(SPAN_ATTRIBUTES)) return holds(clause, sql.ref(`span.${key}`))
  return sql`EXISTS (
    SELECT 1 FROM json_each(span.content, '$.attributes') AS attribute
    WHERE attribute.value ->> '$.key' = ${key.slice(SPAN_ATTRIBUTES.length)}
      AND ${holds(clause, ATTRIBUTE_TEXT)})`
}

/** A text as it is, anything else as JSON. */
const ATTRIBUTE_TEXT = sql`coalesce(
  attribute.value ->> '$.value.string_value', attribute.value -> '$.value.int_value',
  attribute.value -> '$.value.double_value', attribute.value -> '$.value.bool_value',
  attribute.value -> '$.value.array_value', attribute.value -> '$.value.kvlist_value')`

/** A valid assessment of the trace, or one of its whole session that was given to another trace of that. */
function judged(clause: Clause, scope: TraceScope): RawBuilder<SqlBool> {
  const { entity, key, operator } = clause
  const isPresence = operator === 'IS NULL' || operator === 'IS NOT NULL'
  const found = sql<SqlBool>`judged.kind = ${entity} AND judged.name = ${key} AND judged.valid = 1
    AND ${isPresence ? sql`1 = 1` : verdictSql(clause)}`
  const covered = sql<SqlBool>`(
    traces.seq IN (SELECT judged.trace FROM assessments AS judged WHERE ${found})
    OR traces.seq IN (${ofSession(found, scope)}))`
  return operator === 'IS NULL' ? sql`NOT ${covered}` : covered
}

function ofSession(found: RawBuilder<SqlBool>, scope: TraceScope): RawBuilder<unknown> {
  const { project, experiments } = scope
  return sql`
    SELECT member.trace FROM trace_metadata AS member
    WHERE member.key = ${SESSION_KEY} AND member.value IN (
      SELECT session.value FROM assessments AS judged
      JOIN traces AS holder ON holder.seq = judged.trace
      JOIN trace_metadata AS session ON session.trace = holder.seq AND session.key = ${SESSION_KEY}
      WHERE holder.project = ${project} AND holder.experiment IN (${sql.join(experiments)})
        AND EXISTS (SELECT 1 FROM json_each(judged.metadata) AS said WHERE said.key = ${SESSION_KEY})
        AND ${found})`
}

/** A text as it is, anything else as JSON. */
const VERDICT = sql`iif(json_type(judged.value) = 'text', judged.value ->> '$', judged.value)`
const NUMBER = sql`iif(json_type(judged.value) IN ('integer', 'real'), CAST(judged.value AS REAL), NULL)`

function verdictSql(clause: Clause): RawBuilder<SqlBool> {
  switch (clause.operator) {
    case '<':
    case '<=':
    case '>':
    case '>=':
      return holds(clause, NUMBER)
    case '=':
      return equals(String(clause.value))
    case '!=':
      return sql`NOT ${equals(String(clause.value))}`
    case 'LIKE':
    case 'ILIKE':
    case 'IN':
    case 'NOT IN':
    case 'IS NULL':
    case 'IS NOT NULL':
      return holds(clause, VERDICT)
  }
}

/** `'1'` is the text 1 and the number 1, however it was written. */
function equals(text: string): RawBuilder<SqlBool> {
  const number = text.trim() === '' ? Number.NaN : Number(text)
  const asNumber = Number.isFinite(number)
    ? sql` OR coalesce(${NUMBER} = ${sqlNumber(number)}, 0)`
    : sql``
  return sql`(${VERDICT} = ${text}${asNumber})`
}

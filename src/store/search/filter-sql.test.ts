import * as fc from 'fast-check'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import type { Clause } from './filter-clause.ts'
import { parseFilter } from './filter-parser.ts'
import { filterSql } from './filter-sql.ts'
import { RUNS } from './search-dialect.ts'
import { letterOf, openSearchTables, RUN_PLAN, SEVEN, type SampleRun } from './fixture.ts'
import { sqlNumber } from './sql-number.ts'

// Found by mlflow-skinny 3.17.2 (SQLAlchemy store on SQLite) among the same seven runs.
const FOUND: readonly (readonly [string, string])[] = [
  ['', 'Abcdefg'],
  ['metrics.m = 1', 'A'],
  ['metrics.m != 1', 'bcdeg'], // c is NaN; f has none
  ['metrics.m > 1', 'bd'],
  ['metrics.m >= 0', 'Abdg'],
  ['metrics.m < 0', 'e'],
  ['metrics.m < 1e400', 'Abdeg'],
  ['metrics.m <= 1.7976931348623157e308', 'Abdeg'],
  ['metrics.m > -1e400', 'Abdeg'],
  ['metrics.m = -0.0', 'g'],
  ['metrics.zz != 1', ''],
  ["params.p = 'abc'", 'A'],
  ["params.p != 'abc'", 'bce'],
  ["params.zz != 'abc'", ''],
  ["params.p LIKE 'a%'", 'Ace'],
  ["params.p LIKE 'A%'", 'b'],
  ["params.p ILIKE 'A%'", 'Abce'],
  ["params.p LIKE 'a_c'", 'Ace'],
  ["params.p LIKE 'a\\%c'", ''],
  ["params.p LIKE '%c'", 'Ace'],
  ["params.p LIKE '%'", 'Abce'],
  ["params.p LIKE ''", ''],
  ["params.q = ''", 'A'],
  ["params.q LIKE ''", 'A'],
  ["params.u LIKE 'Ä_'", 'A'],
  ["params.u ILIKE 'ä_'", 'b'],
  ["params.u ILIKE 'ÄB'", 'A'],
  ["params.u LIKE '日_'", 'c'],
  ["params.u LIKE '__'", 'Abc'],
  ["params.pc LIKE '50%'", 'b'],
  ["params.us LIKE 'a_b'", 'b'],
  ["params.st LIKE 'a*b?[c]'", 'c'],
  ["params.st LIKE '%[c]'", 'c'],
  ["params.st LIKE 'a**b%'", ''],
  ['params.p IS NULL', 'dfg'],
  ['params.p IS NOT NULL', 'Abce'],
  ["tags.t != 'x'", 'be'],
  ["tags.t = ''", 'e'],
  ['tags.t IS NULL', 'cdfg'],
  ["run_name != 'A'", 'bcdefg'],
  ["run_name ILIKE 'a'", 'A'],
  ["user_id LIKE 'b%'", 'b'],
  ["status = 'finished'", ''],
  ["status ILIKE 'finished'", 'A'],
  ["status != 'FINISHED'", 'bcdefg'],
  ['start_time > 20', 'cdfg'],
  ['start_time = 20.0', 'b'],
  ['start_time > 19.5', 'bcdfg'],
  ['created > 20', 'cdfg'],
  ['end_time > 0', 'A'],
  ['end_time != 20', ''],
  ['start_time < 9223372036854775807', 'Abcdefg'],
  ["run_id IN ('13f18d0b7a3740899df23036b028f2d0', 'fc9b4cea44f74b4fb6bf1daa67d7e2f8')", 'Ab'],
  ["run_id NOT IN ('13f18d0b7a3740899df23036b028f2d0',)", 'bcdefg'],
  ["dataset.name = 'd1'", 'Ab'],
  ["dataset.name != 'd1'", 'Ac'],
  ["dataset.name LIKE 'D%'", ''],
  ["dataset.name ILIKE 'D%'", 'Abc'],
  ["dataset.name = 'd1' AND dataset.digest = 'g2'", 'A'],
  ["dataset.name = 'd1' AND dataset.context = 'test'", 'Ab'],
  ["dataset.context != 'train'", 'Ab'],
  ["dataset.context IN ('train','test')", 'Ab'],
  ["dataset.name NOT IN ('d1')", 'Ac'],
  ["params.p = 'abc' AND params.p = 'x'", ''],
  ['metrics.m > 0 AND metrics.m < 2', 'A'],
  ["tags.t = 'x' AND params.p = 'abc' AND metrics.m = 1", 'A'],
  // MLflow: 500, a number too large for SQLite.
  ['end_time < 99999999999999999999', 'A'],
]

test('finds the runs that MLflow finds', async () => {
  await using tables = await openSearchTables()
  await tables.insert(Object.values(SEVEN))
  const found: [string, string][] = []
  for (const [text] of FOUND) {
    const ids = await tables.where(filterSql(parseFilter(text, RUNS).clauses, RUN_PLAN))
    found.push([text, ids.map(letterOf).join('')])
  }
  expect(found).toEqual(FOUND)
})

test('a thousand clauses, and a list as long as a filter may be, are one statement', async () => {
  await using tables = await openSearchTables()
  await tables.insert(Object.values(SEVEN))
  const many = Array.from({ length: 1000 }, (_, i) => `params.p != '${i}'`).join(' AND ')
  const ids = Array.from({ length: 10_000 }, (_, i) => `'${i}'`).join()
  for (const text of [many, `run_id NOT IN (${ids.slice(0, 65_000)}')`])
    expect(
      await tables.where(filterSql(parseFilter(text, RUNS).clauses, RUN_PLAN)),
    ).not.toHaveLength(0)
})

test('a number compares as one beside any expression, however small', async () => {
  await using tables = await openSearchTables()
  await tables.insert([{ id: 'one' }])
  const rows = await tables.select(
    sql`2e-300 + 0 > ${sqlNumber(1e-300)} AS above, 1e-300 + 0 = ${sqlNumber(1e-300)} AS equal`,
    sql``,
  )
  expect(rows).toEqual([{ above: 1, equal: 1 }])
})

test('the longest pattern of the widest characters is not too much for SQLite', async () => {
  await using tables = await openSearchTables()
  const value = '[日*'.repeat(3333)
  await tables.insert([{ id: 'long', params: { p: value } }])
  const { clauses } = parseFilter(`params.p LIKE '${value}'`, RUNS)
  expect(await tables.where(filterSql(clauses, RUN_PLAN))).toEqual(['long'])
})

/** Few, so that values and patterns meet. */
const texts = fc.oneof(
  fc.constantFrom('a', 'A', 'aA', 'a%', '%A', '_', 'é', 'É', ''),
  fc.string({
    unit: fc.constantFrom('a', 'A', 'é', '日', '😀', '%', '_', '*', '?', '[', ']', "'", '\\'),
    maxLength: 4,
  }),
)
const numbers = fc.constantFrom(
  0, 1, -1, 0.1, 1e-17, 1e-300, 5e-324, -5e-324, 2 ** 53, 1e22, Number.MAX_VALUE, -Infinity, Infinity,
) // prettier-ignore
const keys = fc.constantFrom('k', `it's "é\``)
const metrics = fc.dictionary(keys, fc.oneof(numbers, fc.constant(Number.NaN)), { maxKeys: 3 })
const strings = fc.dictionary(keys, texts, { maxKeys: 3 })
const datasets = fc.array(
  fc.record({ name: texts, digest: texts, context: texts }, { requiredKeys: ['name', 'digest'] }),
  { maxLength: 2 },
)
const runs = fc.array(
  fc.record(
    {
      name: texts,
      startMs: fc.nat(3),
      endMs: fc.nat(3),
      params: strings,
      tags: strings,
      metrics,
      datasets,
    },
    { requiredKeys: ['name', 'startMs', 'params', 'tags', 'metrics', 'datasets'] },
  ),
  { maxLength: 8 },
)

const numeric = fc.constantFrom(...(['=', '!=', '<', '<=', '>', '>='] as const))
const textual = fc.constantFrom(...(['=', '!=', 'LIKE', 'ILIKE'] as const))
const clause: fc.Arbitrary<Clause> = fc.oneof(
  fc.record({ entity: fc.constant('metric'), key: keys, operator: numeric, value: numbers }),
  fc.record({
    entity: fc.constant('attribute'),
    key: fc.constantFrom('start_time', 'end_time'),
    operator: numeric,
    value: fc.constantFrom(0, 1, 1.5, 2),
  }),
  fc.record({
    entity: fc.constantFrom('param', 'tag'),
    key: keys,
    operator: textual,
    value: texts,
  }),
  fc.record({
    entity: fc.constantFrom('param', 'tag'),
    key: keys,
    operator: fc.constantFrom('IS NULL', 'IS NOT NULL'),
  }),
  fc.record({
    entity: fc.constantFrom('dataset'),
    key: fc.constantFrom('name', 'digest', 'context'),
    operator: textual,
    value: texts,
  }),
  fc.record({
    entity: fc.constantFrom('param', 'tag'),
    key: keys,
    operator: fc.constantFrom('IN', 'NOT IN'),
    value: fc.array(texts, { minLength: 1, maxLength: 3 }),
  }),
)
const filters = fc.array(fc.array(clause, { minLength: 1, maxLength: 3 }), {
  minLength: 12,
  maxLength: 12,
})

test('finds what a loop over the runs finds', { timeout: 60_000 }, async () => {
  await using tables = await openSearchTables()
  await fc.assert(
    fc.asyncProperty(runs, filters, async (drawn, clausesOfEach) => {
      const all = drawn.map((run, i): SampleRun => ({ ...run, id: String(i) }))
      await tables.clear()
      await tables.insert(all)
      for (const clauses of clausesOfEach) {
        const expected = all.filter((run) => clauses.every((one) => matches(run, one)))
        expect(await tables.where(filterSql(clauses, RUN_PLAN))).toEqual(
          expected.map(({ id }) => id),
        )
      }
    }),
    { numRuns: 100 },
  )
})

/** What a run has under a key: nothing, one value, or that of each of its datasets. */
function valuesOf(run: SampleRun, { entity, key }: Clause): readonly (string | number)[] {
  const tables: Readonly<Record<string, Readonly<Record<string, string | number | undefined>>>> = {
    attribute: { start_time: run.startMs, end_time: run.endMs },
    metric: run.metrics ?? {},
    param: run.params ?? {},
    tag: run.tags ?? {},
  }
  const table = tables[entity] ?? {}
  const values =
    entity === 'dataset'
      ? (run.datasets ?? []).map((dataset) => Object.entries(dataset).find(([k]) => k === key)?.[1])
      : [Object.hasOwn(table, key) ? table[key] : undefined]
  return values.filter((value) => value !== undefined)
}

function matches(run: SampleRun, one: Clause): boolean {
  const values = valuesOf(run, one)
  if (one.operator === 'IS NULL') return values.length === 0
  if (one.operator === 'IS NOT NULL') return values.length > 0
  return values.some((value) => holds(value, one))
}

function holds(value: string | number, one: Clause): boolean {
  switch (one.operator) {
    case '=':
      return value === one.value
    case '!=':
      return value !== one.value
    case '<':
      return value < one.value
    case '<=':
      return value <= one.value
    case '>':
      return value > one.value
    case '>=':
      return value >= one.value
    case 'IN':
      return one.value.includes(value)
    case 'NOT IN':
      return !one.value.includes(value)
    case 'LIKE':
      return like(Array.from(String(value)), Array.from(one.value))
    case 'ILIKE':
      return like(Array.from(asciiLower(String(value))), Array.from(asciiLower(one.value)))
    case 'IS NULL':
    case 'IS NOT NULL':
      throw new Error('asked before')
  }
}

function like(value: readonly string[], pattern: readonly string[]): boolean {
  const [first, ...rest] = pattern
  if (first === undefined) return value.length === 0
  if (first === '%') return like(value, rest) || (value.length > 0 && like(value.slice(1), pattern))
  return value.length > 0 && (first === '_' || first === value[0]) && like(value.slice(1), rest)
}

function asciiLower(text: string): string {
  return text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase())
}

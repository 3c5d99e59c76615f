import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GyreError } from '../../core/errors.ts'
import type { Clause, Entity, Operator } from './filter-clause.ts'
import { parseFilter } from './filter-parser.ts'
import {
  EXPERIMENTS,
  LOGGED_MODELS,
  MODEL_VERSIONS,
  REGISTERED_MODELS,
  RUNS,
  TRACES,
  type Dialect,
} from './search-dialect.ts'

// Clauses and refusals are what mlflow-skinny 3.17.2 (sqlparse 0.6.1, SQLAlchemy store on SQLite) answered to the
// same texts, except where the name of a test says that Gyre differs.

interface Refused {
  readonly message: string
  readonly details: Readonly<Record<string, unknown>>
}

function refusalOf(text: string, dialect: Dialect): Refused {
  try {
    parseFilter(text, dialect)
  } catch (error) {
    if (error instanceof GyreError && error.code === 'INVALID_ARGUMENT') return error
    throw error
  }
  throw new Error(`taken: ${text}`)
}

const clause = (entity: Entity, key: string, operator: Operator, value?: unknown): Clause =>
  ({ entity, key, operator, ...(value === undefined ? {} : { value }) }) as Clause
function dialectOf(kind: string): Dialect {
  const dialects = [RUNS, EXPERIMENTS, REGISTERED_MODELS, MODEL_VERSIONS, LOGGED_MODELS, TRACES]
  const dialect = dialects.find((one) => one.kind === kind)
  if (dialect === undefined) throw new Error(`no dialect ${kind}`)
  return dialect
}

const clauses = (text: string, dialect: Dialect = RUNS) => parseFilter(text, dialect).clauses

describe('what is refused', () => {
  test.each([
    [' ', 'the text ends at character 2', 'there is no clause'],
    ["params.x = 'a' OR params.y = 'b'", 'found OR at character 16', 'joined by AND only'],
    ["(params.x = 'a')", 'found ( at character 1', 'joined by AND only'],
    ["NOT params.x = 'a'", 'found NOT at character 1', 'joined by AND only'],
    ["params.x = 'a';", 'found ; at character 15', 'nothing starts'],
    ["params.x = 'a' -- c", 'found - at character 16', 'nothing starts'],
    ["params.x = 'a' /* c */", 'found / at character 16', 'nothing starts'],
    ["params.x = 'a', params.y = 'b'", 'found , at character 15', 'a name is due'],
    ["params.x = 'a' 'b'", "found 'b' at character 16", 'a clause begins with a name'],
    ["params.x = 'a", "found 'a at character 12", 'never closed'],
    ["params.`x = 'a'", "found `x = 'a' at character 8", 'never closed'],
    ["params.x = 'a\0b'", 'at character 14', 'NUL'],
    ["params.x == 'a'", 'found == at character 10', '=, !=, LIKE, ILIKE, IS NULL or IS NOT NULL'],
    ["params.x <> 'a'", 'found <> at character 10', 'a param is compared by'],
    ["params.x < 'a'", 'found < at character 10', 'a param is compared by'],
    ["params.x ! = 'a'", 'found ! at character 10', 'a param is compared by'],
    ["params.x NOT LIKE 'a'", 'found NOT at character 10', 'a param is compared by'],
    ["params.x RLIKE 'a'", 'found RLIKE at character 10', 'a param is compared by'],
    ["params.x IN ('a')", 'found IN at character 10', 'a param is compared by'],
    ["params.x IS 'a'", "found 'a' at character 13", 'NULL or NOT NULL'],
    ['params.x = a', 'found a at character 12', 'in single or double quotes'],
    ['params.x = `a`', 'found `a` at character 12', 'in single or double quotes'],
    ['params.x = 1', 'found 1 at character 12', 'in single or double quotes'],
    ['params.x = NULL', 'found NULL at character 12', 'in single or double quotes'],
    ['params.x = params.y', 'found params at character 12', 'in single or double quotes'],
    ["'a' = params.x", "found 'a' at character 1", 'a clause begins with a name'],
    ["'status' = 'a'", "found 'status' at character 1", 'a clause begins with a name'],
    ["params.x-y = 'a'", 'found - at character 9', 'stands in backticks'],
    ["params.x/y = 'a'", 'found / at character 9', 'stands in backticks'],
    ["params.😀 = 'a'", 'found 😀 at character 8', 'stands in backticks'],
    ["params.x'y' = 'a'", "found 'y' at character 9", 'a param is compared by'],
    ["params .x = 'a'", 'found . at character 8', 'nothing starts'],
    ["PARAMS.x = 'a'", 'found PARAMS at character 1', 'before the dot of runs'],
    ['"params".x = \'a\'', 'found "params" at character 1', 'without quotes'],
    ["runs.status = 'a'", 'found runs at character 1', 'before the dot of runs'],
    ["constructor.x = 'a'", 'found constructor at character 1', 'before the dot of runs'],
    ["Status = 'a'", 'found Status at character 1', 'the attributes of runs are run_id, run_name'],
    ["toString = 'a'", 'found toString at character 1', 'the attributes of runs are'],
    ["`Run ID` = 'a'", 'found `Run ID` at character 1', 'the attributes of runs are'],
    ["lifecycle_stage = 'a'", 'found lifecycle_stage at character 1', 'the attributes of runs'],
    ["experiment_id = '1'", 'found experiment_id at character 1', 'the attributes of runs are'],
    ["dataset.source = 'a'", 'found dataset.source at character 1', 'are name, digest or context'],
    ["dataset.name > 'a'", 'found > at character 14', 'dataset name is compared by'],
    ['metrics.x', 'the text ends at character 10', 'a metric is compared by'],
    ['metrics.x =', 'the text ends at character 12', 'a number is due'],
    ['metrics.x 1', 'found 1 at character 11', 'a metric is compared by'],
    ['metrics.x IS NULL', 'found IS at character 11', 'a metric is compared by'],
    ['metrics.x LIKE 1', 'found LIKE at character 11', 'a metric is compared by'],
    ["metrics.x = '1'", "found '1' at character 13", 'a number is due here, without quotes'],
    ['metrics.x = nan', 'found nan at character 13', 'a number is due'],
    ['metrics.x = -inf', 'found - at character 13', 'nothing starts'],
    ['metrics.x = +1', 'found + at character 13', 'nothing starts'],
    ['metrics.x = 0x10', 'found 0x10 at character 13', 'not a number'],
    ['metrics.x = 1_000', 'found 1_000 at character 13', 'not a number'],
    ['metrics.x = 1.2.3', 'found 1.2.3 at character 13', 'not a number'],
    ['metrics.x = 1AND metrics.y = 2', 'found 1AND at character 13', 'not a number'],
    ['metrics.x BETWEEN 1 AND 2', 'found BETWEEN at character 11', 'a metric is compared by'],
    ["start_time = '1'", "found '1' at character 14", 'a number is due'],
    ['start_time IN (1)', 'found IN at character 12', 'attribute start_time is compared by'],
    ["status > 'a'", 'found > at character 8', 'attribute status is compared by'],
    ["status IN ('a')", 'found IN at character 8', 'attribute status is compared by'],
    ['run_id IS NULL', 'found IS at character 8', 'attribute run_id is compared by'],
    ['run_id IN ()', 'found ) at character 12', 'in single or double quotes'],
    ['run_id IN (1)', 'found 1 at character 12', 'in single or double quotes'],
    ['run_id IN (a)', 'found a at character 12', 'in single or double quotes'],
    ["run_id IN 'a'", "found 'a' at character 11", 'a list in parentheses'],
    ["run_id IN ('a' 'b')", "found 'b' at character 16", 'a comma or the end'],
    ["run_id IN ('a'", 'the text ends at character 15', 'a comma or the end'],
    ["run_id = ('a')", 'found ( at character 10', 'in single or double quotes'],
  ])('%s', (text, where, why) => {
    const { message, details } = refusalOf(text, RUNS)
    expect(message).toContain(where)
    expect(message).toContain(why)
    expect(details['field']).toBe('filter')
  })

  test.each([
    // MLflow takes these by accident of its SQL tokenizer, with keys that nobody means.
    "params. x = 'a'",
    "params. = 'a'",
    "params.a.`b` = 'x'",
    "params.`a`.b = 'x'",
    "params.x[0] = 'a'",
    "params.x::int = 'a'",
    "params.* = 'a'",
  ])('Gyre differs: %s', (text) => {
    expect(refusalOf(text, RUNS).details['field']).toBe('filter')
  })

  test.each([
    ['experiments', 'metrics.x > 1'],
    ['experiments', "run.name = 'a'"],
    ['experiments', "name IN ('a')"],
    ['experiments', "name > 'a'"],
    ['experiments', 'name IS NULL'],
    ['experiments', "tags.k IN ('v')"],
    ['experiments', "experiment_id LIKE '1'"],
    ['experiments', "experiment_id > '0'"],
    ['experiments', "experiment_id = 'x'"],
    ['experiments', 'creation_time > 0.5'],
    ['experiments', "creation_time > '0'"],
    ['experiments', "lifecycle_stage = 'active'"],
    ['registered models', 'tags.k IS NULL'], // 500 in MLflow
    ['registered models', 'name IS NULL'], // 500 in MLflow
    ['registered models', 'creation_timestamp > 0'],
    ['registered models', 'last_updated_timestamp > 0'],
    ['registered models', "description = 'x'"],
    ['registered models', 'name = 1'],
    ['model versions', 'run_id IS NULL'], // 500 in MLflow
    ['model versions', 'version_number = 1.0'],
    ['model versions', 'version_number IN (1)'],
    ['model versions', "version_number LIKE '1'"],
    ['model versions', 'version = 1'],
    ['model versions', "source_path IN ('a')"],
    ['model versions', "current_stage = 'None'"],
    ['model versions', 'creation_timestamp > 0'],
    ['logged models', "creation_time = 'x'"], // 500 in MLflow
    ['logged models', "metrics.acc > '1'"], // 500 in MLflow
    ['logged models', "foo = 'x'"], // 500 in MLflow
    ['logged models', 'metrics.acc IN (0.5)'],
    ['logged models', 'tags.k IS NULL'],
    ['logged models', "dataset.name = 'x'"],
    ['logged models', "run.name = 'A'"],
    ['traces', "status > 'OK'"],
    ['traces', "timestamp > 'x'"],
    ['traces', "timestamp LIKE '1%'"],
    ['traces', "tags.t > 'x'"],
    ['traces', "text = 'alpha'"],
    ['traces', "span.nobody = 'x'"],
    ['traces', "span.content = 'x'"],
    ['traces', "feedback.score > 'x'"],
    ['traces', 'feedback.verdict = 1'],
    ['traces', "issue.id != 'x'"],
    ['traces', "issue.name = 'x'"], // finds nothing in MLflow
    ['traces', "prompt != 'greet/1'"],
    ['traces', 'metrics.x > 1'],
    ['traces', "experiment_id = '1'"],
    ['traces', "name RLIKE 'a.*'"], // found in MLflow: Gyre runs no regular expressions of others
  ])('%s: %s', (kind, text) => {
    expect(refusalOf(text, dialectOf(kind)).details['field']).toBe('filter')
  })

  test('what is too much is refused before it is parsed', () => {
    const many = Array.from({ length: 10_000 }, () => 'metrics.x > 1').join(' AND ')
    expect(refusalOf(many, RUNS).message).toContain('longer than 65536 bytes')
    expect(refusalOf(`params.x = '${'日'.repeat(22_000)}'`, RUNS).message).toContain('longer')
    const clauses1001 = Array.from({ length: 1001 }, () => 'metrics.x > 1').join(' AND ')
    const { message } = refusalOf(clauses1001, RUNS)
    expect(message).toContain('more than 1000 clauses')
    expect(message).toContain('at character 18001')
    expect(refusalOf(`params.x LIKE '${'a'.repeat(10_001)}'`, RUNS).message).toContain('a pattern')
  })

  test('a message shows the beginning of a long token', () => {
    const { message, details } = refusalOf(`metrics.x = '${'😀'.repeat(5000)}'`, RUNS)
    expect(details['token']).toBe(`'${'😀'.repeat(39)}…`)
    expect(message.length).toBeLessThan(300)
  })
})

describe('what it means', () => {
  test.each([
    ['', []],
    ["params.x = 'a'", [clause('param', 'x', '=', 'a')]],
    ["params.x='a'", [clause('param', 'x', '=', 'a')]],
    ['params.x = "a"', [clause('param', 'x', '=', 'a')]],
    ['params."x y" = \'a\'', [clause('param', 'x y', '=', 'a')]],
    ["params.'x y' = 'a'", [clause('param', 'x y', '=', 'a')]],
    ["params.`x y` = 'a'", [clause('param', 'x y', '=', 'a')]],
    ["params.`x.y/z` = 'a'", [clause('param', 'x.y/z', '=', 'a')]],
    ["params.x.y.z = 'a'", [clause('param', 'x.y.z', '=', 'a')]],
    ["params.1x = 'a'", [clause('param', '1x', '=', 'a')]],
    ["params.é = 'a'", [clause('param', 'é', '=', 'a')]],
    ["params.日本 = '日本 😀'", [clause('param', '日本', '=', '日本 😀')]],
    ["`params`.`x` = 'a'", [clause('param', 'x', '=', 'a')]],
    ["params.`` = 'a'", [clause('param', '', '=', 'a')]],
    ["params.` a ` = ' b '", [clause('param', ' a ', '=', ' b ')]],
    ['params.`it\'s` = "it\'s"', [clause('param', "it's", '=', "it's")]],
    ["params.x = ''", [clause('param', 'x', '=', '')]],
    ['params.x = \'say "hi"\'', [clause('param', 'x', '=', 'say "hi"')]],
    ["params.x = 'C:\\dir\\'", [clause('param', 'x', '=', 'C:\\dir\\')]],
    ["params.x = 'a\\nb'", [clause('param', 'x', '=', 'a\\nb')]],
    ["params.x = '; DROP TABLE runs; --'", [clause('param', 'x', '=', '; DROP TABLE runs; --')]],
    ["param.x = 'a'", [clause('param', 'x', '=', 'a')]],
    ["parameter.x = 'a'", [clause('param', 'x', '=', 'a')]],
    ["parameters.x = 'a'", [clause('param', 'x', '=', 'a')]],
    ['metric.x = 1', [clause('metric', 'x', '=', 1)]],
    ['metrics.x>=1', [clause('metric', 'x', '>=', 1)]],
    ['metrics.x != -1', [clause('metric', 'x', '!=', -1)]],
    ['metrics.x < -1.5e-3', [clause('metric', 'x', '<', -0.0015)]],
    ['metrics.x = .5', [clause('metric', 'x', '=', 0.5)]],
    ['metrics.x = 5.', [clause('metric', 'x', '=', 5)]],
    ['metrics.x = 1E3', [clause('metric', 'x', '=', 1000)]],
    ['metrics.x = 01', [clause('metric', 'x', '=', 1)]],
    ['metrics.x <= 1e400', [clause('metric', 'x', '<=', Infinity)]],
    ['metrics.timestamp > 1', [clause('metric', 'timestamp', '>', 1)]],
    ["tag.x LIKE 'a%'", [clause('tag', 'x', 'LIKE', 'a%')]],
    ["tags.x like 'a%'", [clause('tag', 'x', 'LIKE', 'a%')]],
    ["tags.x iLike 'a%'", [clause('tag', 'x', 'ILIKE', 'a%')]],
    ['tags.x is null', [clause('tag', 'x', 'IS NULL')]],
    ['tags.`a b` IS NOT NULL', [clause('tag', 'a b', 'IS NOT NULL')]],
    ["status = 'FINISHED'", [clause('attribute', 'status', '=', 'FINISHED')]],
    ["`status` = 'a'", [clause('attribute', 'status', '=', 'a')]],
    ['"status" = \'a\'', [clause('attribute', 'status', '=', 'a')]],
    ["attribute.status = 'a'", [clause('attribute', 'status', '=', 'a')]],
    ["attributes.`status` = 'a'", [clause('attribute', 'status', '=', 'a')]],
    ["attr.status = 'a'", [clause('attribute', 'status', '=', 'a')]],
    ["run.status = 'a'", [clause('attribute', 'status', '=', 'a')]],
    ["`run name` = 'a'", [clause('attribute', 'run_name', '=', 'a')]],
    ["attributes.`Run Name` != 'a'", [clause('attribute', 'run_name', '!=', 'a')]],
    ['Created > 1', [clause('attribute', 'start_time', '>', 1)]],
    ['attributes.created > 1.5', [clause('attribute', 'start_time', '>', 1.5)]],
    ['end_time > -1', [clause('attribute', 'end_time', '>', -1)]],
    ["artifact_uri LIKE '%x'", [clause('attribute', 'artifact_uri', 'LIKE', '%x')]],
    ["user_id ILIKE 'x'", [clause('attribute', 'user_id', 'ILIKE', 'x')]],
    ["run_id IN ('a','b')", [clause('attribute', 'run_id', 'IN', ['a', 'b'])]],
    ['run_id not in("a", \'b\',)', [clause('attribute', 'run_id', 'NOT IN', ['a', 'b'])]],
    ["datasets.name = 'a'", [clause('dataset', 'name', '=', 'a')]],
    ["dataset.digest NOT IN ('a')", [clause('dataset', 'digest', 'NOT IN', ['a'])]],
    ["dataset.context IN ('a','b')", [clause('dataset', 'context', 'IN', ['a', 'b'])]],
    [
      "params.x='a'AND params.y='b'\n and\tmetrics.z\u00a0> 1",
      [
        clause('param', 'x', '=', 'a'),
        clause('param', 'y', '=', 'b'),
        clause('metric', 'z', '>', 1),
      ],
    ],
    ["params.x = 'a AND b'", [clause('param', 'x', '=', 'a AND b')]],
    ['AND', []],
    ["AND params.x = 'a' AND AND", [clause('param', 'x', '=', 'a')]],
    ["tags.x = 'a' tags.y = 'b'", [clause('tag', 'x', '=', 'a'), clause('tag', 'y', '=', 'b')]],
  ])('%s', (text, meant) => {
    expect(clauses(text)).toEqual(meant)
  })

  test.each([
    // A doubled quote is one quote, as in SQL: MLflow keeps both, and has no way to say a value with ' and ".
    ["params.x = 'it''s'", [clause('param', 'x', '=', "it's")]],
    ['params.x = "a""b"', [clause('param', 'x', '=', 'a"b')]],
    ["params.`a``b` = 'x'", [clause('param', 'a`b', '=', 'x')]],
    // Refused by MLflow: Python prints 1e16 as 1e+16, and these words are keys like any other.
    ['metrics.x > 1e+16', [clause('metric', 'x', '>', 1e16)]],
    ['metrics.x = .5e1', [clause('metric', 'x', '=', 5)]],
    ['metrics.values > 1', [clause('metric', 'values', '>', 1)]],
    ['metrics.in > 1', [clause('metric', 'in', '>', 1)]],
    ["params.1 = 'a'", [clause('param', '1', '=', 'a')]],
    ['tags.x IS NOT  NULL', [clause('tag', 'x', 'IS NOT NULL')]],
    ["`params.x` = 'a'", [clause('param', 'x', '=', 'a')]],
  ])('Gyre differs: %s', (text, meant) => {
    expect(clauses(text)).toEqual(meant)
  })

  test.each([
    ['experiments', "name ILIKE 'b%'", [clause('attribute', 'name', 'ILIKE', 'b%')]],
    ['experiments', "experiment_id = '1'", [clause('attribute', 'experiment_id', '=', 1)]],
    [
      'experiments',
      "experiment_id IN ('1','2')",
      [clause('attribute', 'experiment_id', 'IN', [1, 2])],
    ],
    ['experiments', 'creation_time >= 0', [clause('attribute', 'creation_time', '>=', 0)]],
    ['experiments', 'tags.`a b` IS NULL', [clause('tag', 'a b', 'IS NULL')]],
    ['registered models', "name IN ('m1')", [clause('attribute', 'name', 'IN', ['m1'])]],
    [
      'registered models',
      "tags.`mlflow.prompt.is_prompt` != 'true'",
      [clause('tag', 'mlflow.prompt.is_prompt', '!=', 'true')],
    ],
    ['model versions', 'version_number > 1', [clause('attribute', 'version_number', '>', 1)]],
    ['model versions', "version_number = '1'", [clause('attribute', 'version_number', '=', 1)]],
    ['model versions', "run_id IN ('r1')", [clause('attribute', 'run_id', 'IN', ['r1'])]],
    ['model versions', "source_path LIKE 's%'", [clause('attribute', 'source_path', 'LIKE', 's%')]],
    ['logged models', "status != 'x'", [clause('attribute', 'status', '!=', 'x')]],
    ['logged models', 'creation_time > 1.5', [clause('attribute', 'creation_timestamp', '>', 1.5)]],
    ['logged models', "params.p NOT IN ('2')", [clause('param', 'p', 'NOT IN', ['2'])]],
    ['logged models', 'params.p = 0.01', [clause('param', 'p', '=', '0.01')]],
    ['logged models', 'metrics.acc > -1', [clause('metric', 'acc', '>', -1)]],
    ['traces', "trace.status = 'OK'", [clause('attribute', 'status', '=', 'OK')]],
    ['traces', 'timestamp > 1', [clause('attribute', 'timestamp_ms', '>', 1)]],
    ['traces', "request_metadata.m = '1'", [clause('metadata', 'm', '=', '1')]],
    ['traces', 'metadata.`a b` IS NULL', [clause('metadata', 'a b', 'IS NULL')]],
    ['traces', "span.type IN ('LLM')", [clause('span', 'type', 'IN', ['LLM'])]],
    ['traces', "span.attributes.a.b LIKE '%'", [clause('span', 'attributes.a.b', 'LIKE', '%')]],
    ['traces', "span.`attributes.a b` = ''", [clause('span', 'attributes.a b', '=', '')]],
    ['traces', "trace.text ILIKE '%x%'", [clause('attribute', 'text', 'ILIKE', '%x%')]],
    ['traces', 'feedback.score >= 0.5', [clause('feedback', 'score', '>=', 0.5)]],
    ['traces', "feedback.score = '1'", [clause('feedback', 'score', '=', '1')]],
    ['traces', "expectation.`a b` != 'x'", [clause('expectation', 'a b', '!=', 'x')]],
    ['traces', "issue.id = 'iss-7'", [clause('issue', 'id', '=', 'iss-7')]],
  ])('%s: %s', (kind, text, meant) => {
    expect(clauses(text, dialectOf(kind))).toEqual(meant)
  })
})

describe('printed and parsed again, every filter is the same', () => {
  const text = fc.string({
    unit: fc.constantFrom(...('aZ\'"`\\%_ .,()=é日😀\n;-/'.match(/./gsu) ?? [])),
  })
  const key = fc.oneof(text, fc.constantFrom('a', 'a.b', '2nd', 'and', 'like'))
  const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((drawn) => drawn + 0)
  const textual = fc.record({
    entity: fc.constantFrom('param' as const, 'tag' as const),
    key,
    operator: fc.constantFrom('=' as const, '!=' as const, 'LIKE' as const, 'ILIKE' as const),
    value: text,
  })
  const missing = fc.record({
    entity: fc.constantFrom('param' as const, 'tag' as const),
    key,
    operator: fc.constantFrom('IS NULL' as const, 'IS NOT NULL' as const),
  })
  const numeric = fc.record({
    entity: fc.constantFrom('metric' as const),
    key,
    operator: fc.constantFrom(...(['=', '!=', '<', '<=', '>', '>='] as const)),
    value: number,
  })
  const listed = fc.record({
    entity: fc.constantFrom('dataset' as const),
    key: fc.constantFrom('name', 'digest', 'context'),
    operator: fc.constantFrom('IN' as const, 'NOT IN' as const),
    value: fc.array(text, { minLength: 1, maxLength: 4 }),
  })
  const filters = fc.array(fc.oneof(textual, missing, numeric, listed), { maxLength: 8 })
  /** Which of several spellings is printed. */
  const taste = fc.infiniteStream(fc.nat(5))

  test('whatever is spelled how', () => {
    fc.assert(
      fc.property(filters, taste, (meant, tastes) => {
        const pick = <T>(...spellings: readonly T[]): T => {
          const { value } = tastes.next()
          return spellings[Number(value) % spellings.length] as T
        }
        const print = ({ entity, key: name, operator, ...rest }: Clause): string => {
          const prefix = pick(entity, `${entity}s`)
          const quoted = quote(name, pick('`', '"', "'"))
          const bare = /^\w+(\.\w+)*$/.test(name) ? pick(name, quoted) : quoted
          const spoken = pick(operator, operator.toLowerCase())
          return `${prefix}.${bare} ${spoken} ${value('value' in rest ? rest.value : undefined)}`
        }
        const value = (given: unknown): string => {
          if (given === undefined) return ''
          if (typeof given === 'number') return String(given)
          if (typeof given === 'string') return quote(given, pick("'", '"'))
          return `(${(given as readonly string[]).map(value).join(pick(',', ' , '))})`
        }
        const printed = meant.map(print).join(pick(' AND ', '\nand ', ' And\t'))
        expect(clauses(printed)).toEqual(meant)
      }),
      { numRuns: 500 },
    )
  })

  test('a text of any characters parses or is refused with a position, and nothing else', () => {
    const scraps = fc.constantFrom(
      'params', '.', 'x', ' ', "'", '"', '`', '=', '!', '<', 'IN', 'IS', 'NOT', 'NULL', 'AND',
      'metrics', '1', '-', 'e', '(', ')', ',', 'status', '\u0301', '\ud800', '\0',
    ) // prettier-ignore
    const dialects = fc.constantFrom(RUNS, EXPERIMENTS, LOGGED_MODELS)
    fc.assert(
      fc.property(
        fc.array(scraps, { minLength: 1, maxLength: 25 }),
        dialects,
        (pieces, dialect) => {
          const garbage = pieces.join('')
          const position = positionOfRefusal(garbage, dialect)
          expect(position).toBeGreaterThan(0)
          expect(position).toBeLessThanOrEqual(garbage.length + 1)
        },
      ),
      { numRuns: 5000 },
    )
  })
})

/** 1 for what parses. */
function positionOfRefusal(text: string, dialect: Dialect): unknown {
  try {
    parseFilter(text, dialect)
    return 1
  } catch (error) {
    if (error instanceof GyreError && error.code === 'INVALID_ARGUMENT')
      return error.details['position']
    throw error
  }
}

function quote(text: string, mark: string): string {
  return mark + text.replaceAll(mark, mark + mark) + mark
}

import { expect, test } from 'vitest'
import type { Judgement } from './assessment.ts'
import { ctx, openJournal, span, told, traceId, type Journal, type SampleSpan } from './fixture.ts'

const LETTERS = ['A', 'B', 'C', 'D', 'E']

interface Sample extends SampleSpan {
  readonly tags?: Readonly<Record<string, string>>
  readonly metadata?: Readonly<Record<string, string>>
  readonly status?: 'ERROR'
}

/** Five traces of one span each, as the scenario `traces.py` of the protocol tests makes them. */
const FIVE: readonly Sample[] = [
  { ns: 5_000_000n, tags: { t: 'x', only: 'A' }, metadata: { m: '1' } },
  { at: 1_000_000_000n, ns: 1_000_000n, tags: { t: 'y' }, metadata: { m: '2' }, status: 'ERROR' },
  {
    at: 2_000_000_000n,
    ns: 9_000_000n,
    tags: { t: 'X' },
    metadata: { 'mlflow.trace.session': 's1' },
  },
  { at: 2_001_000_000n, ns: 9_000_000n, tags: { t: '' } },
  {
    at: 500_000_000n,
    ns: 0n,
    metadata: { m: '10', 'mlflow.trace.session': 's1', 'mlflow.trace.user': 'u1' },
  },
]

const INPUTS = ['alpha', 'beta 100%', '', '{"text": "日本"}', '']

const feedback = (value: string | number | boolean): Judgement => ({ kind: 'feedback', value })

const JUDGEMENTS: readonly (readonly [
  letter: number,
  name: string,
  judgement: Judgement,
  metadata?: Record<string, string>,
])[] = [
  [0, 'score', feedback(1)],
  [1, 'score', feedback(0.5)],
  [2, 'score', feedback(0)],
  [0, 'verdict', feedback('yes')],
  [1, 'verdict', feedback(true)],
  [3, 'odd name', feedback('no')],
  [2, 'answer', { kind: 'expectation', json: '"42"' }],
  [3, 'iss-7', { kind: 'issue', issueName: 'slow' }],
  [4, 'polite', feedback('yes'), { 'mlflow.trace.session': 's1' }],
  [4, 'alone', feedback('yes')],
]

const byteOf = (letter: number): string => `a${letter}`

async function tellFive({ traces }: Journal): Promise<void> {
  for (const [i, { tags = {}, metadata = {}, status = 'OK', at = 0n, ns = 0n }] of FIVE.entries()) {
    const name = `trace ${LETTERS[i]}`
    const inputs = {
      'mlflow.spanInputs': INPUTS[i] ?? '',
      'mlflow.spanType': i === 2 ? 'LLM' : 'UNKNOWN',
    }
    const own = i === 2 ? { model: 'gpt', n: { intValue: '5' }, yes: { boolValue: true } } : {}
    const code = status === 'ERROR' ? 2 : 1
    const sample = { trace: byteOf(i), name, at, ns, code, attributes: { ...inputs, ...own } }
    await traces.log(ctx, { experiment: 1, origins: [{ resource: [], spans: [span(sample)] }] })
    const startMs = 1_764_000_000_123 + Number(at / 1_000_000n)
    const durationMs = Number(ns / 1_000_000n)
    const id = traceId(byteOf(i))
    const named = { ...tags, 'mlflow.traceName': name }
    await traces.start(ctx, told({ id, startMs, durationMs, state: status, tags: named, metadata }))
  }
  for (const [i, name, judgement, metadata = {}] of JUDGEMENTS)
    await traces.assessments.create(ctx, traceId(byteOf(i)), {
      name,
      judgement,
      source: { type: 'CODE' },
      metadata,
    })
  await traces.linkPrompts(ctx, traceId(byteOf(1)), ['greet/1'])
  await traces.linkRun(ctx, [traceId(byteOf(2))], 'run_1')
}

async function letters(
  { traces }: Journal,
  filter: string,
  orderBy: readonly string[] = [],
): Promise<string> {
  const page = await traces.search(ctx, { experiments: [1], filter, orderBy, limit: 9 })
  return page.traces.map(({ id }) => LETTERS[Number(id[4])]).join('')
}

// Found by mlflow 3.17.2 (its server on SQLite) among the same traces.
const FOUND: readonly (readonly [filter: string, letters: string])[] = [
  ['', 'DCBEA'],
  ["status = 'OK'", 'DCEA'],
  ["status != 'OK'", 'B'],
  ["status = 'ok'", ''],
  ["trace.status = 'OK'", 'DCEA'],
  ["status IN ('OK', 'ERROR')", 'DCBEA'],
  ['timestamp > 1764000000500', 'DCBE'],
  ['timestamp_ms >= 1764000001123', 'DCB'],
  ['timestamp = 1764000000123', 'A'],
  ['timestamp != 1764000000123', 'DCBE'],
  ['execution_time > 4', 'DCA'],
  ['execution_time_ms = 9', 'DC'],
  ['execution_time < 1', 'E'],
  ['end_time > 1764000002000', 'DC'],
  ['end_time_ms <= 1764000001124', 'BEA'],
  ["name = 'trace A'", 'A'],
  ["name != 'trace A'", 'DCBE'],
  ["name LIKE 'TRACE%'", ''],
  ["name ILIKE 'TRACE%'", 'DCBEA'],
  ["tags.`mlflow.traceName` = 'trace B'", 'B'],
  ["tags.t = 'x'", 'A'],
  ["tags.t != 'x'", 'DCB'],
  ["tags.t ILIKE 'x'", 'CA'],
  ["tags.t = ''", 'D'],
  ['tags.t IS NULL', 'E'],
  ['tags.t IS NOT NULL', 'DCBA'],
  ["tags.nobody != 'x'", ''],
  ["tags.only = 'A' AND tags.t = 'y'", ''],
  ["request_metadata.m = '1'", 'A'],
  ["metadata.m != '1'", 'BE'],
  ["metadata.m LIKE '1%'", 'EA'],
  ['metadata.m IS NULL', 'DC'],
  ["metadata.`mlflow.trace.session` = 's1'", 'CE'],
  ["client_request_id != 'x'", ''],
  ["span.name = 'trace A'", 'A'],
  ["span.name LIKE '%C'", 'C'],
  ["span.name ILIKE '%c'", 'C'],
  ["span.name IN ('trace A', 'trace D')", 'DA'],
  ["span.name NOT IN ('trace A')", 'DCBE'],
  ["span.type = 'LLM'", 'C'],
  ["span.status = 'ERROR'", 'B'],
  ["span.name = 'trace A' AND span.type = 'LLM'", ''],
  ["span.name = 'trace C' AND span.type = 'LLM'", 'C'],
  ["span.attributes.model LIKE '%gpt%'", 'C'],
  ["span.attributes.model ILIKE '%GPT%'", 'C'],
  ["span.attributes.nobody LIKE '%'", ''],
  ["trace.text LIKE '%alpha%'", 'A'],
  ["trace.text ILIKE '%ALPHA%'", 'A'],
  ["trace.text LIKE '%日本%'", 'D'],
  ['feedback.score > 0', 'BA'],
  ['feedback.score >= 0.5', 'BA'],
  ['feedback.score < 1', 'CB'],
  ['feedback.score <= 0', 'C'],
  ["feedback.score = '1.0'", 'A'],
  ["feedback.score = '0.5'", 'B'],
  ["feedback.score != '0.5'", 'CA'],
  ["feedback.verdict = 'yes'", 'A'],
  ["feedback.verdict != 'yes'", 'B'],
  ["feedback.verdict = 'true'", 'B'],
  ["feedback.verdict LIKE '%e%'", 'BA'],
  ["feedback.verdict ILIKE '%YES%'", 'A'],
  ["feedback.`odd name` = 'no'", 'D'],
  ['feedback.score IS NULL', 'DE'],
  ['feedback.score IS NOT NULL', 'CBA'],
  ["feedback.polite = 'yes'", 'CE'],
  ['feedback.polite IS NULL', 'DBA'],
  ["feedback.polite = 'no'", ''],
  ["feedback.alone = 'yes'", 'E'],
  ["expectation.answer = '42'", 'C'],
  ['expectation.score IS NOT NULL', ''],
  ["issue.id = 'iss-7'", 'D'],
  ["prompt = 'greet/1'", 'B'],
  ["run_id = 'run_1'", 'C'],
  [
    "status = 'OK' AND tags.t = 'x' AND metadata.m = '1' AND feedback.score > 0 AND span.name = 'trace A'",
    'A',
  ],
]

/** Where Gyre finds what MLflow does not. */
const DIFFERS: readonly (readonly [filter: string, letters: string])[] = [
  ["feedback.score = '1'", 'A'], // kept as 1.0 by MLflow
  ["feedback.verdict LIKE 'y%'", 'A'], // compared with its quotes by MLflow
  ["span.attributes.model = 'gpt'", 'C'],
  ["span.attributes.n = '5'", 'C'],
  ["span.attributes.yes IN ('true')", 'C'],
  ["span.attributes.model = 'gpt' AND span.attributes.n = '6'", ''],
  ["span.content LIKE '%gpt%'", 'C'],
  ["name IN ('trace A', 'trace E')", 'EA'],
  ["run_id IN ('run_1', 'run_2')", 'C'],
  ["run_id != 'run_1'", ''],
]

test('finds the traces that MLflow finds, and those it misses', async () => {
  await using journal = await openJournal()
  await tellFive(journal)
  const found: [string, string][] = []
  for (const [filter] of [...FOUND, ...DIFFERS])
    found.push([filter, await letters(journal, filter)])
  expect(found).toEqual([...FOUND, ...DIFFERS])
  const first = traceId(byteOf(0))
  expect(await letters(journal, `request_id IN ('${first}', 'tr-nobody')`)).toBe('A')
  for (const filter of ["prompt = 'greet'", "prompt = 'a/b/c'"])
    await expect(letters(journal, filter)).rejects.toMatchObject({ details: { field: 'filter' } })
  const elsewhere = { experiments: [], filter: "feedback.polite = 'yes'", limit: 9 }
  expect((await journal.traces.search(ctx, elsewhere)).traces).toEqual([])
})

test('orders traces as MLflow does, and by their end', async () => {
  await using journal = await openJournal()
  await tellFive(journal)
  for (const [order, sorted] of [
    [['timestamp'], 'AEBCD'],
    [['execution_time', 'timestamp'], 'EBACD'],
    [['execution_time_ms DESC'], 'DCABE'],
    [['status', 'timestamp'], 'BAECD'],
    [['name DESC'], 'EDCBA'],
    [['tags.t', 'timestamp'], 'DCABE'],
    [['tag.t DESC', 'timestamp'], 'BACDE'],
    [['request_metadata.m DESC', 'timestamp'], 'BEACD'],
    [['experiment_id', 'timestamp'], 'AEBCD'],
    [['run_id', 'timestamp'], 'AEBCD'],
    [['end_time'], 'AEBCD'], // 500 in MLflow
  ] as const)
    expect([order, await letters(journal, '', order)]).toEqual([order, sorted])
})

test('pages miss no trace and repeat none while traces come in between', async () => {
  await using journal = await openJournal()
  await tellFive(journal)
  const { traces } = journal
  const query = { experiments: [1], orderBy: ['metadata.m', 'timestamp'], limit: 2 }
  const first = await traces.search(ctx, query)
  await traces.start(ctx, told({ id: 'tr-new', startMs: 1, metadata: { m: '0' } }))
  const found = [...first.traces]
  for (let pageToken = first.nextToken; pageToken !== undefined;) {
    const page = await traces.search(ctx, { ...query, pageToken })
    found.push(...page.traces)
    pageToken = page.nextToken
  }
  expect(found.map(({ id }) => LETTERS[Number(id[4])]).join('')).toBe('AEBCD')
  const { nextToken = '' } = first
  await expect(
    traces.search(ctx, { experiments: [2], limit: 2, pageToken: nextToken }),
  ).rejects.toMatchObject({ details: { field: 'page_token' } })
})

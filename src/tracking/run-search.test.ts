import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { ctx, openLogbook, type Logbook } from './fixture.ts'
import { searchRuns, type RunQuery } from './run-search.ts'
import { readRuns } from './tracked-run.ts'

/** A run as this test writes it down. */
interface Sample {
  readonly experiment: number
  readonly startMs: number
  readonly metrics: Readonly<Record<string, number>>
  readonly params: Readonly<Record<string, string>>
}

interface Stored extends Sample {
  readonly id: string
  readonly seq: number
}

const letters = fc.constantFrom('a', 'b')
const numbers = fc.constantFrom(0, 1, 2, -1, 1e-17, NaN)
const texts = fc.constantFrom('x', 'Y', '')

const sample: fc.Arbitrary<Sample> = fc.record({
  experiment: fc.constantFrom(0, 1),
  startMs: fc.nat(3),
  metrics: fc.dictionary(letters, numbers, { maxKeys: 2 }),
  params: fc.dictionary(letters, texts, { maxKeys: 2 }),
})

/** Conditions and what they say of a run, told in words of MLflow: what is missing fails all but IS NULL. */
const CONDITIONS: readonly (readonly [string, (run: Sample) => boolean])[] = [
  ['metrics.a > 0', ({ metrics: { a } }) => a !== undefined && a > 0],
  ['metrics.a != 1', ({ metrics: { a } }) => a !== undefined && a !== 1],
  ['metrics.b <= 1', ({ metrics: { b } }) => b !== undefined && b <= 1],
  ["params.a = 'x'", ({ params: { a } }) => a === 'x'],
  ["params.a LIKE '_'", ({ params: { a } }) => a?.length === 1],
  ['params.b IS NULL', ({ params: { b } }) => b === undefined],
  ['params.b IS NOT NULL', ({ params: { b } }) => b !== undefined],
  ['start_time >= 1', ({ startMs }) => startMs >= 1],
]

const ORDERS = ['metrics.a', 'metrics.b DESC', 'params.a DESC', 'params.b', 'start_time', 'run_id']

const query = fc.record({
  experiments: fc.constantFrom<readonly number[]>([0], [1], [0, 1], [7]),
  conditions: fc.subarray([...CONDITIONS], { maxLength: 3 }),
  orderBy: fc.uniqueArray(fc.constantFrom(...ORDERS), {
    maxLength: 3,
    selector: (text) => text.split(' ')[0],
  }),
  limit: fc.integer({ min: 1, max: 9 }),
  few: fc.constantFrom(0, 3, 1_000),
})

test(
  'finds and orders the same from wherever it begins, page after page',
  { timeout: 120_000 },
  async () => {
    await using book = await openLogbook()
    await book.tracking.experiments.create(ctx, { name: 'second' })
    const runs: Stored[] = []
    for (const drawn of fc.sample(sample, { numRuns: 40, seed: 1 }))
      runs.push(await store(book, drawn))
    await fc.assert(
      fc.asyncProperty(query, async ({ experiments, conditions, orderBy, limit, few }) => {
        const filter = conditions.map(([text]) => text).join(' AND ')
        const expected = runs
          .filter(({ experiment }) => experiments.includes(experiment))
          .filter((run) => conditions.every(([, holds]) => holds(run)))
          .toSorted((a, b) => compare(a, b, orderBy))
        const found = await pages(book, { experiments, filter, orderBy, limit, view: 'all' }, few)
        expect(found).toEqual(expected.map(({ seq }) => seq))
      }),
      { numRuns: 400 },
    )
  },
)

async function store(
  { tracking, store: { catalog } }: Logbook,
  { experiment, startMs, metrics, params }: Sample,
): Promise<Stored> {
  const { id } = await tracking.start(ctx, { experiment, userId: 'ann', startMs, tags: [] })
  await tracking.log(ctx, id, {
    metrics: Object.entries(metrics).map(([key, value]) => ({ key, value, step: 0, atMs: 0 })),
    params: Object.entries(params).map(([key, value]) => ({ key, value })),
  })
  const { seq } = await catalog.read
    .selectFrom('runs')
    .select('seq')
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  return { experiment, startMs, metrics, params, id, seq }
}

async function pages(
  { store: { catalog } }: Logbook,
  asked: RunQuery,
  few: number,
): Promise<readonly number[]> {
  const found: number[] = []
  let token: string | undefined
  do {
    const next: RunQuery = token === undefined ? asked : { ...asked, pageToken: token }
    const page = await searchRuns(catalog.read, ctx, next, few)
    expect(page.seqs.length).toBeLessThanOrEqual(asked.limit)
    found.push(...page.seqs)
    token = page.nextToken
  } while (token !== undefined)
  return found
}

/** Values, then NaN, then what is missing, whichever the direction; newest first between equals. */
function compare(a: Stored, b: Stored, orderBy: readonly string[]): number {
  for (const text of [...orderBy, 'start_time DESC', 'run_id']) {
    const [name = '', direction] = text.split(' ')
    const [x, y] = [valueOf(a, name), valueOf(b, name)]
    const [rankX, rankY] = [rankOf(x), rankOf(y)]
    if (rankX !== rankY) return rankX - rankY
    if (rankX > 0 || x === undefined || y === undefined || x === y) continue
    return x < y === (direction === undefined) ? -1 : 1
  }
  return 0
}

function valueOf(run: Stored, name: string): number | string | undefined {
  if (name === 'start_time') return run.startMs
  if (name === 'run_id') return run.id
  const [entity, key = ''] = name.split('.')
  return entity === 'metrics' ? run.metrics[key] : run.params[key]
}

function rankOf(value: number | string | undefined): number {
  if (value === undefined) return 2
  return Number.isNaN(value) ? 1 : 0
}

test('a page may be longer than the parameters that a statement of SQLite takes', async () => {
  await using book = await openLogbook()
  const { seq, id } = await store(book, { experiment: 0, startMs: 0, metrics: {}, params: {} })
  const seqs = Array.from({ length: 50_000 }, (_, i) => seq + i)
  const runs = await readRuns(book.store.catalog.read, seqs)
  expect(runs.map((run) => run.id)).toEqual([id])
})

import { expect, test } from 'vitest'
import { ctx, openJournal, told, traceId, type Journal } from './fixture.ts'
import type { NewIssue } from './issue.ts'
import type { IssueQuery } from './issue-search.ts'

const other = { ...ctx, project: 'other' }

const fault = (given: Partial<NewIssue> = {}): NewIssue => ({
  experiment: 1,
  name: 'slow',
  description: 'takes 9 s',
  status: 'pending',
  rootCauses: [],
  categories: [],
  ...given,
})

const search = (journal: Journal, query: Partial<IssueQuery> = {}, of = ctx) =>
  journal.traces.issues.search(of, { limit: 100, counted: false, ...query })

const namesOf = async (journal: Journal, query: Partial<IssueQuery> = {}) =>
  (await search(journal, query)).issues.map(({ name }) => name)

/** Four faults of two experiments, each a millisecond after the other; two traces show `low`, one `high`. */
async function openFaults() {
  const journal = await openJournal()
  const { clock, traces } = journal
  const add = async (given: Partial<NewIssue>) => {
    clock.advance(1)
    return traces.issues.create(ctx, fault(given))
  }
  const low = await add({ name: 'low', severity: 'low', sourceRun: 'run_1' })
  const high = await add({ name: 'high', severity: 'high', status: 'resolved' })
  const none = await add({ name: 'none', experiment: 2 })
  await add({ name: 'low again', severity: 'low' })
  const show = async (trace: string, issue: string) => {
    await traces.start(ctx, told({ id: traceId(trace) }))
    await traces.assessments.create(ctx, traceId(trace), {
      name: issue,
      judgement: { kind: 'issue', issueName: 'x' },
      source: { type: 'HUMAN' },
      metadata: {},
    })
  }
  for (const trace of ['01', '02', '02']) await show(trace, low.id)
  await show('03', high.id)
  return { ...journal, low, none }
}

test('what is not there, or of another project, is refused', async () => {
  await using journal = await openFaults()
  const { issues } = journal.traces
  for (const [asker, id] of [
    [ctx, 'iss-nobody'],
    [other, journal.low.id],
  ] as const) {
    await expect(issues.get(asker, id)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(issues.update(asker, id, { name: 'x' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
  }
  expect(await search(journal, {}, other)).toEqual({ issues: [], nextToken: undefined })
  expect(await issues.get(ctx, journal.low.id)).toEqual(journal.low)
  for (const [experiment, code] of [
    [10, 'NOT_FOUND'],
    [9, 'CONFLICT'],
  ] as const)
    await expect(issues.create(ctx, fault({ experiment }))).rejects.toMatchObject({ code })
})

test('a search that cannot be read names its part', async () => {
  await using journal = await openFaults()
  for (const filter of [
    "severity = 'low'",
    "status LIKE 'p%'",
    'status = 1',
    "name = 'low'",
    'status',
  ])
    await expect(search(journal, { filter })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field: 'filter' },
    })
  const { nextToken } = await search(journal, { limit: 1 })
  for (const query of [{ pageToken: 'x' }, { pageToken: nextToken, counted: true }])
    await expect(search(journal, query)).rejects.toMatchObject({
      details: { field: 'page_token' },
    })
})

test('an issue is all that was said of it; a change leaves the rest', async () => {
  await using journal = await openJournal()
  const { clock, traces } = journal
  const given = fault({
    name: 'Ünï 日本',
    severity: 'medium',
    rootCauses: ['a', 'b, c', ''],
    categories: ['x'],
    sourceRun: 'run_1',
    createdBy: 'ann',
  })
  const made = await traces.issues.create(ctx, given)
  const at = clock.now().getTime()
  expect(made).toEqual({ ...given, id: made.id, createdMs: at, updatedMs: at })
  expect(made.id).toMatch(/^iss-[0-9a-f]{32}$/)
  clock.advance(5)
  const changed = await traces.issues.update(ctx, made.id, { status: 'resolved', name: 'n' })
  expect(changed).toEqual({ ...made, status: 'resolved', name: 'n', updatedMs: at + 5 })
  expect(await traces.issues.get(ctx, made.id)).toEqual(changed)
})

test('the severest come first, then those that most traces show, then the newest', async () => {
  await using journal = await openFaults()
  expect(await namesOf(journal)).toEqual(['high', 'low again', 'low', 'none'])
  expect(await namesOf(journal, { experiment: 2 })).toEqual(['none'])
  expect(await namesOf(journal, { filter: "status != 'pending'" })).toEqual(['high'])
  expect(await namesOf(journal, { filter: "source_run_id = 'run_1'" })).toEqual(['low'])
  const counted = await search(journal, { counted: true })
  expect(counted.issues.map(({ name, traces }) => [name, traces])).toEqual([
    ['high', 1],
    ['low', 2],
    ['low again', 0],
    ['none', 0],
  ])
  const { issues } = await search(journal)
  expect(issues.map(({ traces }) => traces)).toEqual([undefined, undefined, undefined, undefined])
})

test('pages neither repeat nor skip, though issues come in between', async () => {
  await using journal = await openFaults()
  const first = await search(journal, { limit: 2 })
  expect(first.issues.map(({ name }) => name)).toEqual(['high', 'low again'])
  await journal.traces.issues.create(ctx, fault({ name: 'higher', severity: 'high' }))
  const rest = await search(journal, { limit: 2, pageToken: first.nextToken })
  expect(rest.issues.map(({ name }) => name)).toEqual(['low', 'none'])
  expect(rest.nextToken).toBeUndefined()
})

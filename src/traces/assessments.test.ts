import { expect, test } from 'vitest'
import type { Judgement, NewAssessment } from './assessment.ts'
import { ctx, openJournal, told, traceId } from './fixture.ts'

async function refused(act: Promise<unknown>, code: string): Promise<void> {
  await expect(act).rejects.toMatchObject({ code })
}

const opinion = (given: Partial<NewAssessment> = {}): NewAssessment => ({
  name: 'quality',
  judgement: { kind: 'feedback', value: 'good' },
  source: { type: 'HUMAN', id: 'bob' },
  metadata: {},
  ...given,
})

test('what is not there is not overridden, changed into another kind, or called nothing', async () => {
  await using journal = await openJournal()
  const { assessments } = journal.traces
  await journal.traces.start(ctx, told())
  await refused(assessments.create(ctx, traceId(), opinion({ overrides: 'a-nobody' })), 'NOT_FOUND')
  await refused(assessments.create(ctx, traceId(), opinion({ name: '' })), 'INVALID_ARGUMENT')
  await refused(assessments.get(ctx, traceId(), 'a-nobody'), 'NOT_FOUND')
  await refused(assessments.update(ctx, traceId(), 'a-nobody', {}), 'NOT_FOUND')
  const { id } = await assessments.create(ctx, traceId(), opinion())
  const judgement: Judgement = { kind: 'expectation', json: '1' }
  await refused(assessments.update(ctx, traceId(), id, { judgement }), 'INVALID_ARGUMENT')
  await assessments.remove(ctx, traceId(), 'a-nobody')
  expect((await journal.traces.info(ctx, traceId())).assessments.map((one) => one.id)).toEqual([id])
})

test('every value comes back as it was given', async () => {
  await using journal = await openJournal()
  const { assessments } = journal.traces
  await journal.traces.start(ctx, told())
  const judgements: Judgement[] = [
    ...[true, 0, -0, 1e300, 2 ** 60, '', '日本', null, [], {}, ['a'], { a: { b: [1, null] } }].map(
      (value): Judgement => ({ kind: 'feedback', value }),
    ),
    { kind: 'feedback', value: null, error: { code: 'E', message: 'm', stack: 's' } },
    { kind: 'expectation', json: '{"id": 12345678901234567890}' },
    { kind: 'issue', issueName: 'too slow' },
  ]
  for (const judgement of judgements) {
    const { id } = await assessments.create(ctx, traceId(), opinion({ judgement }))
    expect((await assessments.get(ctx, traceId(), id)).judgement).toEqual(judgement)
  }
})

test('one that overrides another makes it invalid for as long as it is there', async () => {
  await using journal = await openJournal()
  const { assessments } = journal.traces
  await journal.traces.start(ctx, told())
  const first = await assessments.create(ctx, traceId(), opinion())
  const second = await assessments.create(ctx, traceId(), opinion({ overrides: first.id }))
  expect(second).toMatchObject({ overrides: first.id, valid: true })
  expect(await assessments.get(ctx, traceId(), first.id)).toEqual({ ...first, valid: false })
  await assessments.remove(ctx, traceId(), second.id)
  expect(await assessments.get(ctx, traceId(), first.id)).toEqual(first)
})

test('a change keeps what it does not name, merges metadata, and is dated', async () => {
  await using journal = await openJournal()
  const { traces, clock } = journal
  await traces.start(ctx, told())
  const given = opinion({ rationale: 'because', span: '02', metadata: { k: 'v', old: '1' } })
  const first = await traces.assessments.create(ctx, traceId(), given)
  clock.advance(1_000)
  const judgement: Judgement = { kind: 'feedback', value: 0.75 }
  const change = { name: 'better', judgement, metadata: { k: 'w' } }
  expect(await traces.assessments.update(ctx, traceId(), first.id, change)).toEqual({
    ...first,
    name: 'better',
    judgement: { ...judgement, error: undefined },
    metadata: { k: 'w', old: '1' },
    updatedMs: first.createdMs + 1_000,
  })
})

test('a trace that is told with its assessments keeps them once, however often it is told', async () => {
  await using journal = await openJournal()
  const { traces } = journal
  const one = opinion({ id: 'a-1' })
  const assessments = [one, opinion({ id: 'a-2', overrides: 'a-1' }), opinion({ overrides: 'a-0' })]
  await traces.start(ctx, told({ assessments }))
  await traces.start(ctx, told({ assessments: [opinion({ id: 'a-2', rationale: 'again' })] }))
  const { assessments: kept } = await traces.info(ctx, traceId())
  expect(kept).toHaveLength(3)
  expect(kept.find(({ id }) => id === 'a-1')?.valid).toBe(false)
  expect(kept.find(({ id }) => id === 'a-2')).toMatchObject({ valid: true, rationale: 'again' })
})

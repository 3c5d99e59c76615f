import type { ImportTrace } from '@gyre/sdk/wire/import'
import { expect, test } from 'vitest'
import { ctx, exportOf, openJournal, span, START, traceId, type SampleSpan } from './fixture.ts'

const pack = (sample?: SampleSpan) => Buffer.from(exportOf(sample)).toString('base64')

const refused = (reason: RegExp) => ({ refused: expect.stringMatching(reason) })

const TRACE: ImportTrace = {
  id: traceId(),
  experiment: 'experiment 1',
  startMs: Number(START / 1_000_000n),
  durationMs: 3,
  state: 'OK',
  requestPreview: 'what?',
  responsePreview: null,
  clientRequestId: 'req-1',
  metadata: [{ key: 'mlflow.trace.session', value: 's'.repeat(300) }],
  tags: [{ key: 'topic', value: 't'.repeat(5_000) }],
  assessments: [
    {
      id: 'a-1',
      name: 'helpful',
      judgement: { kind: 'feedback', value: { score: 0.5 }, error: null },
      sourceType: 'HUMAN',
      sourceId: 'ada',
      span: null,
      rationale: null,
      overrides: null,
      valid: false,
      metadata: {},
      createdMs: 1,
      updatedMs: 2,
    },
    {
      id: 'a-2',
      name: 'judge',
      judgement: { kind: 'feedback', value: null, error: { code: 'X', message: 'm', stack: null } },
      sourceType: 'CODE',
      sourceId: null,
      span: '02'.repeat(8),
      rationale: 'why',
      overrides: 'a-1',
      valid: true,
      metadata: { round: '1' },
      createdMs: 3,
      updatedMs: 3,
    },
    {
      id: 'a-3',
      name: 'answer',
      judgement: { kind: 'expectation', json: '{"big": 1152921504606846976}' },
      sourceType: 'HUMAN',
      sourceId: null,
      span: null,
      rationale: null,
      overrides: null,
      valid: true,
      metadata: {},
      createdMs: 4,
      updatedMs: 4,
    },
  ],
  links: [
    { kind: 'run', to: 'run-1' },
    { kind: 'prompt', to: 'greet/1' },
  ],
  spans: [pack(), pack({ id: '03', parent: '02', name: 'look up', at: 1n })],
}

/** Every part of `TRACE` with the same outcome. */
const all = (word: 'imported' | 'there') => [
  {
    outcome: word,
    metadata: [word],
    tags: [word],
    assessments: [word, word, word],
    links: [word, word],
    spans: [word, word],
  },
]

test('a trace without its experiment, or with another of its id here, is refused', async () => {
  await using journal = await openJournal()
  const adopt = (traces: readonly ImportTrace[]) => journal.traces.adopt(ctx, traces)
  const outcomes = async (traces: readonly ImportTrace[]) =>
    (await adopt(traces)).map(({ outcome }) => outcome)
  expect(
    await outcomes([{ ...TRACE, experiment: 'nope' }, TRACE, { ...TRACE, id: 'tr-deleted', experiment: 'experiment 9', spans: [] }]), // prettier-ignore
  ).toEqual([refused(/no experiment is named nope/), 'imported', 'imported'])
  expect(
    await outcomes([
      { ...TRACE, experiment: 'experiment 2' },
      { ...TRACE, startMs: TRACE.startMs + 1 },
    ]),
  ).toEqual([refused(/another trace of its id/), refused(/another trace of its id/)])
  expect(await journal.traces.info({ ...ctx }, TRACE.id)).toMatchObject({ experiment: 1 })
})

test('a part that says something else here, or cannot be kept, is refused alone', async () => {
  await using journal = await openJournal()
  await journal.traces.adopt(ctx, [TRACE])
  const before = await journal.traces.get(ctx, TRACE.id)
  const [first] = TRACE.assessments
  if (!first) throw new Error('no assessment')
  const [again] = await journal.traces.adopt(ctx, [
    {
      ...TRACE,
      tags: [
        { key: 'topic', value: 'other' },
        { key: '', value: '' },
      ],
      metadata: [{ key: 'mlflow.trace.session', value: 'other' }],
      assessments: [{ ...first, rationale: 'other' }],
      spans: [pack({ name: 'other' }), pack({ trace: '07' }), pack({ trace: '00' }), 'AAAA', ''],
    },
  ])
  expect(again).toEqual({
    outcome: 'there',
    tags: [refused(/^it is "t+…" here$/), refused(/no name/)],
    metadata: [refused(/^it is "s+…" here$/)],
    assessments: [refused(/another assessment of its id/)],
    links: ['there', 'there'],
    spans: [
      refused(/another span of its id/),
      refused(/of another trace/),
      refused(/of another trace/),
      refused(/no OTLP/),
      refused(/expected one span/),
    ],
  })
  expect(await journal.traces.get(ctx, TRACE.id)).toEqual(before)
})

test('a trace that was open when it came takes its end, and more spans', async () => {
  await using journal = await openJournal()
  const open: ImportTrace = { ...TRACE, state: 'IN_PROGRESS', durationMs: null, spans: [pack()] }
  await journal.traces.adopt(ctx, [open])
  const [again] = await journal.traces.adopt(ctx, [TRACE])
  expect(again).toMatchObject({ outcome: 'imported', spans: ['there', 'imported'] })
  const { info, spans } = await journal.traces.get(ctx, TRACE.id)
  expect(info).toMatchObject({ state: 'OK', durationMs: 3 })
  expect(spans).toHaveLength(2)
})

test('a trace comes as it was, under its id, and importing it again adds nothing', async () => {
  await using journal = await openJournal()
  expect(await journal.traces.adopt(ctx, [TRACE])).toEqual(all('imported'))
  const first = await journal.traces.get(ctx, TRACE.id)
  expect(await journal.traces.adopt(ctx, [TRACE])).toEqual(all('there'))
  expect(await journal.traces.get(ctx, TRACE.id)).toEqual(first)
  expect(first.spans).toEqual([
    span().json,
    span({ id: '03', parent: '02', name: 'look up', at: 1n }).json,
  ])
  expect(first.info).toMatchObject({
    experiment: 1,
    startMs: TRACE.startMs,
    durationMs: 3,
    state: 'OK',
    requestPreview: 'what?',
    responsePreview: undefined,
    clientRequestId: 'req-1',
    metadata: { 'mlflow.trace.session': 's'.repeat(300) },
    tags: { topic: 't'.repeat(5_000), 'mlflow.trace.spansLocation': 'TRACKING_STORE' },
  })
  expect(first.info.assessments.map(({ id, valid, judgement }) => [id, valid, judgement])).toEqual([
    ['a-1', false, { kind: 'feedback', value: { score: 0.5 }, error: undefined }],
    ['a-2', true, { kind: 'feedback', value: null, error: { code: 'X', message: 'm' } }],
    ['a-3', true, { kind: 'expectation', json: '{"big": 1152921504606846976}' }],
  ])
  for (const filter of ["attributes.run_id = 'run-1'", "prompt = 'greet/1'"]) {
    const { traces } = await journal.traces.search(ctx, { experiments: [1], filter, orderBy: [], limit: 10 }) // prettier-ignore
    expect(traces.map(({ id }) => id)).toEqual([TRACE.id])
  }
})

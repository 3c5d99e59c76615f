import { expect, test } from 'vitest'
import { ctx, openJournal, span, START, told, traceId } from './fixture.ts'
import type { NewAssessment } from './assessment.ts'

const other = { ...ctx, project: 'other' }

const batch = (...spans: ReturnType<typeof span>[]) => ({
  experiment: 1,
  origins: [{ resource: [], spans }],
})

const opinion = (given: Partial<NewAssessment> = {}): NewAssessment => ({
  name: 'quality',
  judgement: { kind: 'feedback', value: 'good' },
  source: { type: 'HUMAN', id: 'bob' },
  metadata: {},
  ...given,
})

test('what is not there, or of another project, is refused by every verb', async () => {
  await using journal = await openJournal()
  const { traces } = journal
  await traces.start(ctx, told())
  const { id: known } = await traces.assessments.create(ctx, traceId(), opinion())
  for (const [asker, id] of [
    [ctx, 'tr-nobody'],
    [other, traceId()],
  ] as const) {
    const refused = { code: 'NOT_FOUND' }
    await expect(traces.info(asker, id)).rejects.toMatchObject(refused)
    await expect(traces.get(asker, id)).rejects.toMatchObject(refused)
    await expect(traces.setTag(asker, id, 'a', 'b')).rejects.toMatchObject(refused)
    await expect(traces.removeTag(asker, id, 'a')).rejects.toMatchObject(refused)
    await expect(traces.linkPrompts(asker, id, ['p/1'])).rejects.toMatchObject(refused)
    const { assessments } = traces
    await expect(assessments.create(asker, id, opinion())).rejects.toMatchObject(refused)
    await expect(assessments.get(asker, id, known)).rejects.toMatchObject(refused)
    await expect(assessments.update(asker, id, known, {})).rejects.toMatchObject(refused)
    await assessments.remove(asker, id, known)
    await traces.linkRun(asker, [id], 'run_1')
    expect(await traces.infos(asker, [id])).toEqual([])
    expect(await traces.remove(asker, 1, { ids: [id] })).toBe(0)
  }
  expect((await traces.info(ctx, traceId())).assessments).toHaveLength(1)
  const page = await traces.search(other, { experiments: [1], limit: 9 })
  expect(page).toEqual({ traces: [], nextToken: undefined })
})

test('a trace belongs to an experiment that is there and not deleted', async () => {
  await using journal = await openJournal()
  const { traces } = journal
  for (const [experiment, code] of [
    [10, 'NOT_FOUND'],
    [9, 'CONFLICT'],
  ] as const) {
    await expect(traces.start(ctx, told({ experiment }))).rejects.toMatchObject({ code })
    await expect(traces.log(ctx, { ...batch(span()), experiment })).rejects.toMatchObject({ code })
  }
})

test('the id of a trace is part of a location, and looks like no other part', async () => {
  await using journal = await openJournal()
  for (const id of ['', 'a/b', '..', 'tr-1/../tr-2', 'x'.repeat(101), 'tr 1', 'tr\n'])
    await expect(journal.traces.start(ctx, told({ id }))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field: 'trace_id' },
    })
})

test('spans that are none are told, the others kept; none at all is an error', async () => {
  await using journal = await openJournal()
  const { traces } = journal
  const late = span({ id: '05', ns: 2n ** 63n })
  const faulty = [{ ...span(), traceId: '00'.repeat(16) }, { ...span(), spanId: '01' }, late]
  await expect(traces.log(ctx, batch(...faulty))).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  })
  const { spans, why } = await traces.log(ctx, batch(...faulty, span()))
  expect(spans).toBe(3)
  expect(why).toContain('trace_id: expected 16 bytes')
  expect(why).toContain('span_id: expected 8 bytes')
  expect((await traces.get(ctx, traceId())).spans).toHaveLength(1)
  expect(await traces.log(ctx, batch())).toEqual({ spans: 0, why: '' })
})

test('a trace begins with its first span and grows with the others', async () => {
  await using journal = await openJournal()
  const { traces } = journal
  await traces.log(ctx, batch(span({ id: '03', parent: '02', at: 5_000_000n })))
  const begun = await traces.info(ctx, traceId())
  expect(begun).toMatchObject({ experiment: 1, startMs: 1_764_000_000_128, durationMs: 3 })
  expect(begun.state).toBe('IN_PROGRESS')
  const attributes = {
    'mlflow.spanInputs': { kvlistValue: { values: [{ key: 'q', value: { intValue: '1' } }] } },
    'mlflow.spanOutputs': 'alpha',
    'session.id': 's1',
    'user.id': { intValue: '7' },
    'mlflow.traceTag.team': 'risk',
    'mlflow.traceTag.mlflow.artifactLocation': 'file:///etc',
  }
  const root = span({ ns: 20_000_000n, code: 2, attributes })
  const resource = [
    { key: 'service.name', value: { string_value: 'shop' } },
    { key: 'telemetry.sdk.name', value: { string_value: 'otel' } },
    { key: 'mlflow.trace.spansLocation', value: { string_value: 'nowhere' } },
  ]
  await traces.log(ctx, { experiment: 2, run: 'run_1', origins: [{ resource, spans: [root] }] })
  expect(await traces.info(ctx, traceId())).toMatchObject({
    experiment: 1,
    startMs: 1_764_000_000_123,
    durationMs: 20,
    state: 'ERROR',
    requestPreview: '{"q":1}',
    responsePreview: '"alpha"',
    metadata: { 'mlflow.trace.session': 's1', 'mlflow.trace.user': '7' },
    tags: {
      'mlflow.trace.spansLocation': 'TRACKING_STORE',
      'mlflow.artifactLocation': `mlflow-artifacts:/1/traces/${traceId()}/artifacts`,
      'service.name': 'shop',
      team: 'risk',
    },
  })
  const found = await traces.search(ctx, { experiments: [1], filter: "run_id = 'run_1'", limit: 9 })
  expect(found.traces.map(({ id }) => id)).toEqual([traceId()])
})

test('a span that is sent again takes the place of the first', async () => {
  await using journal = await openJournal()
  const { traces } = journal
  await traces.log(ctx, batch(span({ name: 'first' })))
  await traces.log(ctx, batch(span({ name: 'second' })))
  const { spans } = await traces.get(ctx, traceId())
  expect(spans.map((text) => JSON.parse(text))).toMatchObject([{ name: 'second' }])
})

test('what the client tells of the whole wins over what its spans told, before and after', async () => {
  await using journal = await openJournal()
  const { traces } = journal
  await traces.log(ctx, batch(span({ attributes: { 'mlflow.spanInputs': '"from the span"' } })))
  const whole = told({
    experiment: 2,
    startMs: 5,
    durationMs: 7,
    requestPreview: 'told',
    clientRequestId: 'c-1',
    metadata: { m: 'x'.repeat(300) },
    tags: { t: 'y'.repeat(5_000), 'mlflow.trace.spansLocation': 'nowhere' },
  })
  await traces.start(ctx, whole)
  await traces.log(ctx, batch(span({ id: '07', parent: '02', ns: 9_000_000_000n })))
  const info = await traces.info(ctx, traceId())
  expect(info).toMatchObject({
    experiment: 2,
    startMs: 5,
    durationMs: 7,
    state: 'OK',
    requestPreview: 'told',
    clientRequestId: 'c-1',
  })
  expect([info.metadata['m']?.length, info.tags['t']?.length]).toEqual([250, 4_096])
  expect(info.metadata['mlflow.trace.infoFinalized']).toBe('true')
  expect(info.tags['mlflow.trace.spansLocation']).toBe('TRACKING_STORE')
  expect(info.tags['mlflow.artifactLocation']).toContain('mlflow-artifacts:/2/')
  await traces.start(ctx, told({ tags: { u: 'z' }, state: 'ERROR' }))
  expect(await traces.info(ctx, traceId())).toMatchObject({
    state: 'ERROR',
    requestPreview: 'told',
    tags: { u: 'z' },
  })
})

test('a text that an exporter wrote as JSON is said as it is in tags, session, user and type', async () => {
  await using journal = await openJournal()
  const { traces } = journal
  const attributes = {
    'mlflow.spanInputs': '{"q":  1}',
    'mlflow.spanOutputs': '"said"',
    'mlflow.spanType': '"LLM"',
    'mlflow.traceTag.team': '"risk \\u65e5"',
    'session.id': '"s1"',
    'user.id': '"u1"',
  }
  await traces.log(ctx, batch(span({ attributes })))
  expect(await traces.info(ctx, traceId())).toMatchObject({
    requestPreview: '{"q":  1}',
    responsePreview: '"said"',
    tags: { team: 'risk 日' },
    metadata: { 'mlflow.trace.session': 's1', 'mlflow.trace.user': 'u1' },
  })
  const page = await traces.search(ctx, { experiments: [1], filter: "span.type = 'LLM'", limit: 9 })
  expect(page.traces).toHaveLength(1)
})

test('spans come root first, then by nanoseconds that no double tells apart', async () => {
  await using journal = await openJournal()
  const { traces } = journal
  const children = [3n, 1n, 2n].map((at) =>
    span({ id: `0${at + 2n}`, parent: '02', name: `at ${at}`, at }),
  )
  await traces.log(ctx, batch(...children, span({ name: 'root', at: 9n })))
  const { spans } = await traces.get(ctx, traceId())
  expect(spans.map((text) => /"name":"([^"]+)"/.exec(text)?.[1])).toEqual([
    'root',
    'at 1',
    'at 2',
    'at 3',
  ])
  expect(spans[1]).toContain(`"start_time_unix_nano":${START + 1n},`)
})

test('five thousand spans, the NUL in a name, and everything comes back', async () => {
  await using journal = await openJournal()
  const { traces } = journal
  const root = span({ name: 'a\0b' })
  const spans = Array.from({ length: 4_999 }, (_, i) => {
    const spanId = (i + 1).toString(16).padStart(16, '0')
    return { ...root, spanId, parentId: root.spanId, startNs: START + BigInt(i) }
  })
  await traces.log(ctx, batch(root, ...spans))
  const trace = await traces.get(ctx, traceId())
  expect(trace.spans).toHaveLength(5_000)
  expect(JSON.parse(trace.spans[0] ?? '')).toMatchObject({ name: 'a\0b' })
})

test('spans that are still on their way are waited for', async () => {
  await using journal = await openJournal()
  const { traces } = journal
  const metadata = { 'mlflow.trace.sizeStats': '{"num_spans": 2}' }
  await traces.start(ctx, told({ metadata }))
  await traces.log(ctx, batch(span()))
  await expect(traces.get(ctx, traceId())).rejects.toMatchObject({ code: 'NOT_FOUND' })
  expect(await traces.getMany(ctx, [traceId()])).toEqual([])
  expect((await traces.get(ctx, traceId(), true)).spans).toHaveLength(1)
  const waiting = traces.get(ctx, traceId())
  await traces.log(ctx, batch(span({ id: '03', parent: '02' })))
  expect((await waiting).spans).toHaveLength(2)
  expect(await traces.getMany(ctx, [traceId()])).toHaveLength(1)
})

test('traces come in the order of the ids, once each, of the experiments that are asked for', async () => {
  await using journal = await openJournal()
  const { traces } = journal
  for (const id of ['tr-a', 'tr-b', 'tr-c'])
    await traces.start(ctx, told({ id, experiment: id === 'tr-c' ? 2 : 1 }))
  const ids = ['tr-c', 'tr-b', 'tr-nobody', 'tr-a', 'tr-b']
  const all = await traces.infos(ctx, ids)
  expect(all.map(({ id }) => id)).toEqual(['tr-c', 'tr-b', 'tr-a'])
  const some = await traces.infos(ctx, ids, [1])
  expect(some.map(({ id }) => id)).toEqual(['tr-b', 'tr-a'])
  expect(await traces.infos(ctx, ids, [])).toEqual([])
  const many = Array.from({ length: 10_001 }, (_, i) => `tr-${i}`)
  await expect(traces.infos(ctx, many)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
})

test('tags are set and taken away, but for those of the server', async () => {
  await using journal = await openJournal()
  const { traces } = journal
  await traces.start(ctx, told({ tags: { kept: '1' } }))
  for (const key of ['', 'a,b', '../x', 'a'.repeat(251), 'mlflow.trace.spansLocation'])
    await expect(traces.setTag(ctx, traceId(), key, 'x')).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
  await expect(traces.removeTag(ctx, traceId(), 'mlflow.artifactLocation')).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  })
  await expect(traces.removeTag(ctx, traceId(), 'nobody')).rejects.toMatchObject({
    code: 'NOT_FOUND',
  })
  await traces.setTag(ctx, traceId(), '日本 a.b/c', '🚀'.repeat(4_097))
  await traces.setTag(ctx, traceId(), 'kept', '2')
  const { tags } = await traces.info(ctx, traceId())
  expect(tags['kept']).toBe('2')
  expect(Array.from(tags['日本 a.b/c'] ?? '')).toHaveLength(4_096)
  await traces.removeTag(ctx, traceId(), 'kept')
  expect((await traces.info(ctx, traceId())).tags).not.toHaveProperty('kept')
})

test('traces go with all that hangs on them, by id or the oldest first', async () => {
  await using journal = await openJournal()
  const { traces, store, forgotten } = journal
  for (const [i, id] of ['tr-a', 'tr-b', 'tr-c', 'tr-d'].entries())
    await traces.start(ctx, told({ id, startMs: 100 - i, experiment: id === 'tr-d' ? 2 : 1 }))
  await traces.log(ctx, batch(span()))
  await traces.assessments.create(ctx, traceId(), opinion())
  await traces.linkPrompts(ctx, traceId(), ['greet/1', 'greet/1'])
  expect(await traces.remove(ctx, 1, { ids: [traceId(), 'tr-d', 'tr-nobody'] })).toBe(1)
  for (const table of ['trace_spans', 'assessments', 'trace_prompts'] as const)
    expect(await store.catalog.read.selectFrom(table).selectAll().execute()).toEqual([])
  expect(await traces.remove(ctx, 1, { untilMs: 99, most: 1 })).toBe(1)
  expect(await traces.remove(ctx, 1, { untilMs: 98, most: undefined })).toBe(0)
  const left = await traces.search(ctx, { experiments: [1, 2], limit: 9 })
  expect(left.traces.map(({ id }) => id)).toEqual(['tr-a', 'tr-b', 'tr-d'])
  expect(forgotten).toEqual([traceId(), 'tr-c'])
  const events = await store.events.since(0, 9, { types: ['traces.deleted'] })
  expect(events.map(({ data }) => data)).toEqual([{ count: 1 }, { count: 1 }])
})

test('more traces than one unit removes', async () => {
  await using journal = await openJournal()
  const { traces, store } = journal
  await store.catalog.write(async (tx) => {
    const rows = Array.from({ length: 1_200 }, (_, i) => ({
      project: 'default',
      id: `tr-${i}`,
      experiment: 1,
      start_ms: i,
      state: 'OK' as const,
      told: 1 as const,
    }))
    await tx.insertInto('traces').values(rows).execute()
  })
  expect(await traces.remove(ctx, 1, { untilMs: 1_150, most: 1_001 })).toBe(1_001)
  expect(await traces.remove(ctx, 1, { untilMs: 1_150, most: undefined })).toBe(150)
  const { traces: left } = await traces.search(ctx, { experiments: [1], limit: 500 })
  expect(left).toHaveLength(49)
})

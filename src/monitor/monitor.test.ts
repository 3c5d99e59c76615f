import { expect, test } from 'vitest'
import { ctx, DAY, distanceOf, openTower, SPEC, START } from './fixture.ts'

const inKilometres = (row: number) => distanceOf(row) * 1.609344
const after = (days: number) => new Date(START + days * DAY)

test('an endpoint without predictions has nothing to judge, a monitor without a name is refused', async () => {
  await using tower = await openTower()
  expect(await tower.monitor.due(ctx, 'delay', after(60))).toEqual([])
  expect(await tower.monitor.check(ctx, 'weekly', { until: after(60) })).toEqual([])
  await expect(tower.monitor.check(ctx, 'daily')).rejects.toThrow('known monitors: weekly')
  const future = tower.monitor.check(ctx, 'weekly', { until: after(200) })
  await expect(future).rejects.toThrow('until: 2001-08-20')
  await expect(tower.monitor.windows(ctx, 'daily')).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('a window with too few rows says so and gives no number', async () => {
  await using tower = await openTower()
  await tower.serve({ day: 1, rows: 40 })
  const [window] = await tower.monitor.due(ctx, 'delay', after(9))
  expect(window).toMatchObject({
    n: 40,
    predictions: 40,
    state: 'not_enough_data',
    lateRate: null,
    logLoss: null,
    auc: null,
    calibration: null,
    latencyP50Ms: null,
    latencyP99Ms: null,
    findings: [],
  })
  expect(window?.drift['distance']).toMatchObject({ psi: null, state: 'not_enough_data' })
})

test('a window is judged once, however many look at it at the same time', async () => {
  await using tower = await openTower()
  await tower.serve({ day: 1, rows: 800 })
  const other = tower.another()
  const judged = await Promise.all([
    tower.monitor.due(ctx, 'delay', after(9)),
    tower.monitor.due(ctx, 'delay', after(9)),
    other.due(ctx, 'delay', after(9)),
  ])
  expect(judged.flat()).toHaveLength(1)
  expect(await tower.monitor.windows(ctx, 'weekly')).toHaveLength(1)
  const evaluated = (await tower.eventTypes()).filter((type) => type === 'window.evaluated')
  expect(evaluated).toHaveLength(1)
})

test('quality is that of the stable arm, quarantined rows among it, without late labels', async () => {
  await using tower = await openTower()
  await tower.serve({ day: 1, rows: 800 })
  await tower.serve({ day: 2, rows: 80, variant: 'canary' })
  await tower.serve({ day: 3, rows: 40, quarantined: true })
  await tower.serve({ day: 4, rows: 8, failed: true })
  await tower.serve({ day: 5, rows: 100, labelDay: 9.5 })
  await tower.serve({ day: 7, rows: 10 })
  const [window] = await tower.monitor.due(ctx, 'delay', after(9))
  expect(window).toMatchObject({
    start: '2001-02-01T00:00:00.000Z',
    end: '2001-02-08T00:00:00.000Z',
    n: 840,
    predictions: 948,
    quarantined: 40,
    errors: 8,
    state: 'ok',
    modelVersion: 'model:delay@1',
    lateRate: 0.5,
    latencyP50Ms: 1.5,
  })
  expect(window?.calibration).toBeCloseTo(0, 12)
  // Of 8 rows: −(6·ln 0.8 + 2·ln 0.2) / 8, and (3·3 + 2·3·1/2) / 4² with ties counted half.
  expect(window?.logLoss).toBeCloseTo(0.56971714, 8)
  expect(window?.auc).toBeCloseTo(0.75, 12)
})

test('broken requests are found as drift, blamed on the quarantine, and raise one alert each', async () => {
  await using tower = await openTower()
  await tower.serve({ day: 1, rows: 800 })
  await tower.serve({ day: 8, rows: 800 })
  await tower.serve({ day: 9, rows: 800, quarantined: true, distance: inKilometres })
  await tower.serve({ day: 15, rows: 800, quarantined: true, distance: inKilometres })
  await tower.serve({ day: 22, rows: 800 })
  const windows = await tower.monitor.due(ctx, 'delay', after(30))
  expect(windows.map(({ drift }) => drift['distance']?.state)).toEqual([
    'stable',
    'act',
    'act',
    'stable',
  ])
  expect(windows[1]?.findings.map(({ kind, subject }) => `${kind}:${subject}`)).toEqual([
    'drift:distance',
    'quarantine:delay',
  ])
  const drifts = await tower.bench.store.events.since(0, 100, { types: ['drift.detected'] })
  expect(drifts.map(({ data }) => data['brokenInput'])).toEqual([true, true])
  expect(drifts[0]).toMatchObject({
    actor: 'monitor:weekly',
    subject: { kind: 'monitor', id: 'weekly' },
    data: { about: 'distance', at: '2001-02-17T00:00:00.000Z', partial: false },
  })
  const alerts = await tower.monitor.alerts(ctx)
  expect(alerts.map(({ key }) => key)).toEqual(['drift:distance', 'quarantine:delay'])
  for (const alert of alerts)
    expect(alert).toMatchObject({ state: 'resolved', at: '2001-02-17T00:00:00.000Z' })
  const told = (await tower.eventTypes()).filter((type) => type.startsWith('alert.'))
  expect(told).toEqual(['alert.fired', 'alert.fired', 'alert.resolved', 'alert.resolved'])
})

test('a window that cannot tell neither fires nor resolves an alert', async () => {
  await using tower = await openTower()
  await tower.serve({ day: 1, rows: 800, distance: (row) => distanceOf(row) * 3 })
  await tower.serve({ day: 8, rows: 30 })
  await tower.monitor.due(ctx, 'delay', after(16))
  expect(await tower.monitor.alerts(ctx, 'firing')).toMatchObject([{ key: 'drift:distance' }])
  expect(await tower.monitor.alerts(ctx, 'resolved')).toEqual([])
})

test('a log loss worse than at the gate is degraded quality', async () => {
  await using tower = await openTower({ referenceLogLoss: async () => 0.54 })
  await tower.serve({ day: 1, rows: 800 })
  const [window] = await tower.monitor.due(ctx, 'delay', after(9))
  expect(window?.findings).toMatchObject([{ kind: 'quality', subject: 'logLoss' }])
  expect(await tower.eventTypes()).toContain('quality.degraded')
})

test('bad answers to broken requests are measured, and not held against the model', async () => {
  await using tower = await openTower({ referenceLogLoss: async () => 0.54 })
  await tower.serve({ day: 1, rows: 800, quarantined: true })
  const [window] = await tower.monitor.due(ctx, 'delay', after(9))
  expect(window).toMatchObject({ n: 800, state: 'ok', findings: [{ kind: 'quarantine' }] })
  expect(window?.logLoss).toBeCloseTo(0.56971714, 8)
  expect(await tower.eventTypes()).not.toContain('quality.degraded')
})

test('without a reference, or within the slack, quality is not degraded; calibration is judged apart', async () => {
  const calibrated = { ...SPEC, name: 'close', calibrationWithin: 1e-9 }
  await using tower = await openTower({
    referenceLogLoss: async () => undefined,
    specs: async () => [SPEC, calibrated],
  })
  await tower.serve({ day: 1, rows: 801 })
  const windows = await tower.monitor.due(ctx, 'delay', after(9))
  expect(windows.map(({ findings }) => findings.map(({ subject }) => subject))).toEqual([
    [],
    ['calibration'],
  ])
})

test('a window looked at before its end is judged again as a whole', async () => {
  await using tower = await openTower()
  await tower.serve({ day: 1, rows: 600 })
  const [part] = await tower.monitor.check(ctx, 'weekly', { until: after(3) })
  expect(part).toMatchObject({ n: 600, end: '2001-02-04T00:00:00.000Z', partial: true })
  expect(await tower.monitor.check(ctx, 'weekly', { until: after(3) })).toEqual([])
  await tower.serve({ day: 5, rows: 200 })
  await tower.monitor.due(ctx, 'delay', after(9))
  expect(await tower.monitor.windows(ctx, 'weekly')).toMatchObject([
    { n: 800, end: '2001-02-08T00:00:00.000Z', partial: false },
  ])
})

test('what a window that has not closed holds is measured, and no drift: half a week has other weekdays', async () => {
  await using tower = await openTower({ referenceLogLoss: async () => 0.54 })
  // As at the end of a file: three days of traffic, and time said to have gone to the window's end.
  await tower.serve({ day: 1, rows: 600, distance: (row) => distanceOf(row) * 3 })
  const [part] = await tower.monitor.check(ctx, 'weekly', { until: after(7) })
  expect(part).toMatchObject({
    state: 'ok',
    partial: true,
    end: '2001-02-08T00:00:00.000Z',
    drift: { distance: { psi: expect.any(Number), state: 'partial' } },
    scoreDrift: { state: 'partial' },
    findings: [{ kind: 'quality', subject: 'logLoss' }],
  })
  const keys = async () => (await tower.monitor.alerts(ctx)).map(({ key }) => key)
  expect(await keys()).toEqual(['quality:logLoss'])
  const [whole] = await tower.monitor.due(ctx, 'delay', after(9))
  expect(whole).toMatchObject({ partial: false, drift: { distance: { state: 'act' } } })
  expect(whole?.drift['distance']?.psi).toBe(part?.drift['distance']?.psi)
  expect((await keys()).toSorted()).toEqual(['drift:distance', 'quality:logLoss'])
})

import { expect, test } from 'vitest'
import { FLIGHT_FROM_ATL, LINEAR3_OF_1_2_HALF } from '../infer/fixture.ts'
import type { Ask } from './request.ts'
import { ctx, DELAY, flightAsk, RATE_CHANGES, NOW, openServe } from './fixture.ts'

const stable = { stable: 'model:delay@1' }

function canary(model: string, weightBp: number) {
  return { model, weightBp, salt: 'rel_1', releaseId: 'rel_1' }
}

interface BadAsk {
  readonly ask: Partial<Ask>
  readonly message: RegExp
}

const BAD_ASKS: readonly BadAsk[] = [
  {
    ask: { input: { date: '2001-02-03T10:30:00Z' } },
    message: /input\.origin: missing/,
  },
  { ask: { input: {} }, message: /input\.date: missing/ },
  {
    ask: flightAsk({}, { seat: '12A' }),
    message: /input\.seat: unknown field/,
  },
  {
    ask: flightAsk({}, { distance: 'far' }),
    message: /input\.distance: expected a number/,
  },
  {
    ask: flightAsk({}, { date: '2001-02-03' }),
    message: /input\.date: expected an ISO/,
  },
  {
    ask: flightAsk({}, { origin: null }),
    message: /input\.origin: missing; expected a text/,
  },
  { ask: { at: 'noon' }, message: /at: expected an instant/ },
  {
    ask: { at: '2001-03-02T00:00:00.001Z' },
    message: /at: .* more than a day in the future/,
  },
  {
    ask: { input: undefined, features: [1, 2] },
    message: /features: .* expects 3 numbers, got 2/,
  },
  {
    ask: { input: undefined, features: [] },
    message: /features: .* expects 3 numbers, got 0/,
  },
]

test('a bad request is INVALID_INPUT by name, no prediction and no evidence', async () => {
  await using served = await openServe()
  await served.route('delay', stable)
  const results = await Promise.allSettled(
    BAD_ASKS.map(({ ask }) => served.serve.predict(ctx, 'delay', flightAsk(ask), undefined)),
  )
  expect(results).toMatchObject(
    BAD_ASKS.map(({ message }) => ({
      reason: { code: 'INVALID_INPUT', message: expect.stringMatching(message) },
    })),
  )
  await served.landed()
  expect(served.outcomes).toEqual([])
  expect(await served.predictions.counts(ctx, 'delay')).toMatchObject({ predictions: 0 })
})

test('every field that does not fit is listed', async () => {
  await using served = await openServe()
  await served.route('delay', stable)
  const ask = flightAsk({}, { distance: 'far', origin: 7 })
  await expect(served.serve.predict(ctx, 'delay', ask, undefined)).rejects.toMatchObject({
    details: { errors: [{ field: 'input.origin' }, { field: 'input.distance' }] },
  })
})

test('an unknown endpoint is NOT_FOUND naming the known ones, one without a release UNAVAILABLE', async () => {
  await using served = await openServe()
  const predict = (name: string | undefined) =>
    served.serve.predict(ctx, name, flightAsk(), undefined)
  await expect(predict('nope')).rejects.toThrow('no such endpoint nope; known endpoints: delay')
  await expect(predict('delay')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  await served.declare({ ...DELAY, name: 'cancel' })
  await expect(predict(undefined)).rejects.toThrow('ask /predict/ENDPOINT (cancel, delay)')
})

test('the only endpoint answers where none is named', async () => {
  await using served = await openServe()
  await served.route('delay', stable)
  const { reply } = await served.serve.predict(ctx, undefined, flightAsk(), undefined)
  expect(reply.model_version).toBe('model:delay@1')
})

test('fields and looked-up features score what numpy computes, and the log holds all of it', async () => {
  await using served = await openServe()
  await served.route('delay', stable)
  const { reply, rev } = await served.serve.predict(ctx, 'delay', flightAsk(), undefined)
  expect(reply).toEqual({
    prediction_id: expect.stringMatching(/^p_/),
    prediction: 1,
    confidence: expect.closeTo(FLIGHT_FROM_ATL, 6),
    score: expect.closeTo(FLIGHT_FROM_ATL, 6),
    model_version: 'model:delay@1',
    variant: 'stable',
    quarantined: false,
    reasons: [],
  })
  expect(rev).toBe(1)
  await served.landed()
  expect(await served.predictions.find(ctx, reply.prediction_id)).toMatchObject({
    subject: '42',
    at: '2001-02-03T10:30:00.000Z',
    receivedAt: NOW,
    model: 'model:delay@1',
    code: 'code:flights@1',
    score: expect.closeTo(FLIGHT_FROM_ATL, 6),
    inputs: { hour: 10, origin_rate: 2, origin_late: 0.5 },
    fields: { date: '2001-02-03T10:30:00Z', origin: 'ATL', distance: 404 },
  })
})

test('a whole vector scores what numpy computes; confidence is that of the answered class', async () => {
  await using served = await openServe()
  await served.route('delay', stable)
  const vector = { subject: undefined, at: undefined, input: undefined, features: [1, 2, 0.5] }
  const { reply } = await served.serve.predict(ctx, 'delay', vector, undefined)
  expect(reply).toMatchObject({ prediction: 1, score: expect.closeTo(LINEAR3_OF_1_2_HALF, 6) })
  await served.declare({ ...DELAY, threshold: 0.8 })
  const stricter = await served.serve.predict(ctx, 'delay', vector, undefined)
  expect(stricter.reply).toMatchObject({
    prediction: 0,
    confidence: expect.closeTo(1 - LINEAR3_OF_1_2_HALF, 6),
  })
})

test('features are looked up as of the event time, and as of now without one', async () => {
  await using served = await openServe()
  await served.route('delay', stable)
  const inputsAt = async (at: string | undefined) => {
    const { reply } = await served.serve.predict(ctx, 'delay', flightAsk({ at }), undefined)
    await served.landed()
    return (await served.predictions.find(ctx, reply.prediction_id))?.inputs
  }
  expect(await inputsAt('2001-02-27T23:59:59Z')).toMatchObject({ origin_late: 0.5 })
  expect(await inputsAt(RATE_CHANGES)).toMatchObject({ origin_late: 0.25 })
  expect(await inputsAt(undefined)).toMatchObject({ origin_late: 0.25 })
})

test('a request that breaks a bound is answered, marked and says why', async () => {
  await using served = await openServe()
  await served.route('delay', stable)
  const ask = flightAsk({}, { origin: 'atl', distance: 650 })
  const { reply } = await served.serve.predict(ctx, 'delay', ask, undefined)
  expect(reply).toMatchObject({
    quarantined: true,
    reasons: [
      expect.stringMatching(/^origin: "atl" is not like/),
      expect.stringMatching(/^distance: 650 is not within 2 % of pair:miles \(404\)/),
    ],
  })
  await served.landed()
  const stored = await served.predictions.find(ctx, reply.prediction_id)
  expect(stored).toMatchObject({ quarantined: true, reasons: reply.reasons })
  expect(served.outcomes).toMatchObject([{ failed: false }])
})

test('a canary that fails harms its own requests only, and each failure counts against it', async () => {
  await using served = await openServe()
  await served.route('delay', { ...stable, canary: canary('model:broken@1', 5000) })
  const subjects = Array.from({ length: 40 }, (_, i) => String(i))
  const results = await Promise.allSettled(
    subjects.map((subject) =>
      served.serve.predict(ctx, 'delay', flightAsk({ subject }), undefined),
    ),
  )
  await served.landed()
  const failures = results.filter(({ status }) => status === 'rejected')
  expect(failures.length).toBeGreaterThan(0)
  for (const failure of failures)
    expect(failure).toMatchObject({
      reason: {
        code: 'MODEL_FAILED',
        details: { variant: 'canary', model_version: 'model:broken@1', route_rev: 1 },
      },
    })
  expect(served.outcomes).toHaveLength(40)
  expect(served.outcomes.every(({ variant, failed }) => failed === (variant === 'canary'))).toBe(
    true,
  )
  expect(served.outcomes[0]).toMatchObject({
    project: 'default',
    endpoint: 'delay',
    releaseId: 'rel_1',
    weightBp: 5000,
    randomised: true,
  })
  expect(await served.predictions.counts(ctx, 'delay')).toMatchObject({
    predictions: 40,
    errors: failures.length,
  })
})

test('a subject keeps its arm, a header overrides it', async () => {
  await using served = await openServe()
  await served.route('delay', { ...stable, canary: canary('model:delay@2', 5000) })
  const variantOf = async (subject: string, asked?: 'stable' | 'canary') =>
    (await served.serve.predict(ctx, 'delay', flightAsk({ subject }), asked)).reply.variant
  for (const subject of ['a', 'b', 'c', 'd']) {
    const first = await variantOf(subject)
    expect(await variantOf(subject)).toBe(first)
    expect(await variantOf(subject, 'canary')).toBe('canary')
    expect(await variantOf(subject, 'stable')).toBe('stable')
  }
  await served.landed()
  expect(served.outcomes.map(({ randomised }) => randomised)).toEqual(
    Array.from({ length: 16 }, (_, i) => i % 4 < 2),
  )
})

test('a request under way finishes on the version it started on, even when that version leaves', async () => {
  await using served = await openServe()
  await served.route('delay', stable)
  await served.serve.ready()
  await served.serve.ensure(ctx, 'delay', 'model:delay@2')
  const slow = served.serve.predict(ctx, 'delay', flightAsk({}, { origin: 'WAIT' }), undefined)
  await served.route('delay', { stable: 'model:delay@2' })
  const next = served.serve.predict(ctx, 'delay', flightAsk(), undefined)
  await served.bench.release()
  expect((await slow).reply).toMatchObject({ model_version: 'model:delay@1' })
  expect((await next).reply).toMatchObject({ model_version: 'model:delay@2' })
  const held = served.bench.infer.stats().sessions.map(({ key, leases }) => [key, leases])
  expect(Object.fromEntries(held)).toEqual({ 'model:delay@1': 0, 'model:delay@2': 1 })
})

test('a roll-back loads nothing', async () => {
  await using served = await openServe()
  await served.route('delay', stable)
  await served.serve.ensure(ctx, 'delay', 'model:delay@2')
  await served.route('delay', { stable: 'model:delay@2', previous: 'model:delay@1' })
  const before = [...served.sourced]
  await served.route('delay', { stable: 'model:delay@1', previous: 'model:delay@2' })
  const { reply, rev } = await served.serve.predict(ctx, 'delay', flightAsk(), undefined)
  expect({ rev, version: reply.model_version }).toEqual({ rev: 3, version: 'model:delay@1' })
  expect(served.sourced).toEqual(before)
})

test('a version that would not load is refused before traffic, and says why', async () => {
  await using served = await openServe()
  await served.route('delay', stable)
  const ensure = (model: string) => served.serve.ensure(ctx, 'delay', model)
  await expect(ensure('model:corrupt@1')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  await expect(ensure('model:greedy@1')).rejects.toThrow(
    'reads the field carrier, which endpoint delay does not take',
  )
  const greedy = served.bench.infer.stats().sessions.find(({ key }) => key === 'model:greedy@1')
  expect(greedy?.leases, 'what does not fit is given back').toBe(0)
  const { reply } = await served.serve.predict(ctx, 'delay', flightAsk(), undefined)
  expect(reply.model_version).toBe('model:delay@1')
})

test('an arm that would not load fails its own requests, and they count against it', async () => {
  await using served = await openServe()
  await served.route('delay', { ...stable, canary: canary('model:corrupt@1', 5000) })
  const predict = (asked: 'stable' | 'canary') =>
    served.serve.predict(ctx, 'delay', flightAsk(), asked)
  await expect(predict('canary')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  expect((await predict('stable')).reply.variant).toBe('stable')
  await served.landed()
  expect(served.outcomes.map(({ variant, failed }) => [variant, failed])).toEqual([
    ['canary', true],
    ['stable', false],
  ])
})

test('a canary whose worker dies again and again is told as out of service', async () => {
  await using served = await openServe()
  await served.route('delay', { ...stable, canary: canary('model:deadly@1', 1) })
  await served.serve.ready()
  const ask = () => served.serve.predict(ctx, 'delay', flightAsk(), 'canary')
  for (let i = 0; i < 2; i++) await expect(ask()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  await served.landed()
  expect(served.outcomes.map(({ crashLoop, randomised }) => [crashLoop, randomised])).toEqual([
    [undefined, false],
    [expect.stringMatching(/crashed its worker 3 times within a minute/), false],
  ])
})

test('a subject that the request does not say is found where the endpoint says to look', async () => {
  await using served = await openServe()
  const canaryArm = canary('model:delay@2', 5000)
  const bySubject = async (change: object) => {
    const { reply } = await served.serve.predict(ctx, 'delay', flightAsk(change), undefined)
    await served.landed()
    return [reply.variant, served.outcomes.at(-1)?.subject] as const
  }
  await served.declare({ ...DELAY, subjectFrom: { header: 'x-user' } })
  await served.route('delay', { ...stable, canary: canaryArm })
  await expect(
    bySubject({ subject: undefined, headers: { 'x-user': 'u'.repeat(257) } }),
  ).rejects.toThrow('header x-user: expected a number or a text')
  for (const user of ['a', 'b', 'c']) {
    const said = await bySubject({ subject: user })
    expect(said[1]).toBe(user)
    expect(await bySubject({ subject: undefined, headers: { 'x-user': user } })).toEqual(said)
  }
  expect((await bySubject({ subject: '7', headers: { 'x-user': 'a' } }))[1]).toBe('7')
  expect((await bySubject({ subject: undefined, headers: {} }))[1]).toBeNull()

  await served.declare({ ...DELAY, subjectFrom: { field: 'distance' } })
  expect((await bySubject({ subject: undefined }))[1]).toBe('404')
})

test('a full queue is OVERLOADED, which is neither a prediction nor a failure', async () => {
  await using served = await openServe({ maxQueueRows: 1, maxBatch: 1 })
  await served.route('delay', stable)
  await served.serve.ready()
  const predict = (origin: string) =>
    served.serve.predict(ctx, 'delay', flightAsk({}, { origin }), undefined)
  const answers = Promise.allSettled(['WAIT', 'ATL', 'ATL', 'ATL'].map(predict))
  await served.landed()
  await served.bench.release()
  const results = await answers
  await served.landed()
  const refused = results.filter(({ status }) => status === 'rejected')
  expect(refused[0]).toMatchObject({ reason: { code: 'OVERLOADED' } })
  expect(served.outcomes.some(({ failed }) => failed)).toBe(false)
  expect(await served.predictions.counts(ctx, 'delay')).toMatchObject({ errors: 0 })
})

test('close answers what is under way and logs it', async () => {
  await using served = await openServe()
  await served.route('delay', stable)
  await served.serve.ready()
  const slow = served.serve.predict(ctx, 'delay', flightAsk({}, { origin: 'WAIT' }), undefined)
  const closed = served.serve.close()
  await served.bench.release()
  await closed
  expect((await slow).reply.variant).toBe('stable')
  expect(served.outcomes).toHaveLength(1)
})

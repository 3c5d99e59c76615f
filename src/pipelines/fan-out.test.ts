import type { PipelineRun, StepSpec, ValueSpec } from '@gyre/sdk/wire/pipeline'
import type { JsonValue } from '@gyre/sdk/wire/ref'
import type { Retries } from '@gyre/sdk/wire/retries'
import type { ItemEnd, ItemWork } from '@gyre/sdk/wire/step'
import { expect, test } from 'vitest'
import {
  CTX,
  deferred,
  from,
  literal,
  moduleStep,
  openBench,
  param,
  projectOf,
  succeedWith,
  type Attempt,
  type Script,
} from './fixture.ts'
import type { Pipelines } from './pipelines.ts'

const ofItem = (...path: string[]): ValueSpec => ({ kind: 'item', path })

/** A step that is done for each of `items`, reading the item as `n`. */
function mapped(
  items: ValueSpec,
  settings: { retries?: Retries; digest?: string; concurrency?: number } = {},
): StepSpec {
  const { concurrency = 2, ...rest } = settings
  const step = moduleStep('score', { n: ofItem(), shared: literal('same') }, rest)
  if (step.kind !== 'module') throw new Error('no module step')
  return { ...step, each: { items, concurrency } }
}

function made({ item, fence }: ItemWork, outputs: JsonValue): ItemEnd {
  return { item, fence, status: 'succeeded', outputs, points: [] }
}

function broken({ item, fence }: ItemWork, message: string): ItemEnd {
  return { item, fence, status: 'failed', error: { code: 'INTERNAL', message } }
}

function exchange(
  { run, step, fence, environment }: Attempt,
  pipelines: Pipelines,
  ended: readonly ItemEnd[],
  want: number,
): Promise<readonly ItemWork[]> {
  const worker = environment['GYRE_WORKER'] ?? ''
  return pipelines.exchange(
    CTX,
    { pipelineRunId: run, step },
    { fence, worker, ended: [...ended], want },
  )
}

/** Does items `size` at a time until there are none; other steps give what they were given. */
function working(does: (item: ItemWork) => ItemEnd, size = 3): Script {
  return async (attempt, pipelines) => {
    if (attempt.step !== 'score') {
      const { inputs } = await pipelines.work(CTX, {
        pipelineRunId: attempt.run,
        step: attempt.step,
      })
      return succeedWith(attempt, pipelines, inputs)
    }
    let items = await exchange(attempt, pipelines, [], size)
    while (items.length > 0) {
      const ended: ItemEnd[] = []
      for (const item of items) {
        ended.push(does(item))
        if (ended.at(-1)?.status === 'failed') break
      }
      const isLast = ended.at(-1)?.status === 'failed'
      items = await exchange(attempt, pipelines, ended, isLast ? 0 : size)
    }
    return undefined
  }
}

const doubled = (item: ItemWork): ItemEnd => made(item, Number(item.inputs['n']) * 2)

async function whenEnded(pipelines: Pipelines, id: string): Promise<PipelineRun> {
  return pipelines.ended(CTX, id)
}

async function runTrain(pipelines: Pipelines): Promise<PipelineRun> {
  return whenEnded(pipelines, (await pipelines.start(CTX, 'train', {})).id)
}

const TEN = Array.from({ length: 10 }, (_, n) => n)

test('results come in the order of the items, whoever was done first, and go on as a list', async () => {
  const project = projectOf(mapped(literal(TEN)), moduleStep('sum', { all: from('score') }))
  const bench = await openBench(project)
  const { pipelines, started } = bench.serve(working(doubled, 1))
  const { status, steps } = await runTrain(pipelines)
  expect(status).toBe('succeeded')
  expect(steps[0]?.outputs).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16, 18])
  expect(steps[0]?.items).toEqual({ total: 10, succeeded: 10, cached: 0, failed: 0 })
  expect(steps[1]?.outputs).toEqual({ all: steps[0]?.outputs })
  // Two processes for ten items, and one for the step behind them.
  expect(started).toEqual(['score', 'score', 'sum'])
})

test('an item that fails is tried again by itself; the process that it failed in gets no other', async () => {
  const bench = await openBench(projectOf(mapped(literal(TEN), { retries: 1, concurrency: 1 })))
  const seen: number[] = []
  const { pipelines, started } = bench.serve(
    working((item) => {
      seen.push(item.item)
      const isFirst = seen.filter((each) => each === item.item).length === 1
      return item.item === 4 && isFirst ? broken(item, 'a bad moment') : doubled(item)
    }),
  )
  const { id, status } = await runTrain(pipelines)
  expect(status).toBe('succeeded')
  expect(seen.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 4, 5, 6, 7, 8, 9])
  expect(started).toHaveLength(2)
  const { items } = await pipelines.items(CTX, id, 'score', { limit: 20 })
  expect(items.map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1, 2, 1, 1, 1, 1, 1])
})

test('an item is tried again after its back-off, and only for a failure that its step names', async () => {
  const backoff = { first: '10s', factor: 1, max: '1m', jitter: 0 }
  const on = [{ exitCode: 75 }]
  const bench = await openBench(
    projectOf(mapped(literal([0, 1, 2]), { retries: { max: 1, backoff, on }, concurrency: 1 })),
  )
  const seen: number[] = []
  const { pipelines } = bench.serve(
    working((work) => {
      seen.push(work.item)
      if (work.item === 2) return doubled(work)
      const isFirst = seen.filter((each) => each === work.item).length === 1
      if (work.item === 0 && !isFirst) return doubled(work)
      const error = { code: 'STEP_FAILED', message: 'ended', exitCode: work.item === 0 ? 75 : 1 }
      return { item: work.item, fence: work.fence, status: 'failed', error }
    }),
  )
  const { id } = await pipelines.start(CTX, 'train', {})
  await bench.asleep()
  const { items: waiting } = await pipelines.items(CTX, id, 'score', { limit: 3 })
  expect(waiting[0]).toMatchObject({ state: 'pending', attempt: 1 })
  bench.pass(10_000)
  const { status, steps } = await pipelines.ended(CTX, id)
  expect([status, steps[0]?.items]).toEqual([
    'failed',
    { total: 3, succeeded: 2, cached: 0, failed: 1 },
  ])
  expect(seen.toSorted((a, b) => a - b)).toEqual([0, 0, 1, 2])
  const { items } = await pipelines.items(CTX, id, 'score', { limit: 3 })
  expect(items.map(({ state, attempt }) => [state, attempt])).toEqual([
    ['succeeded', 2],
    ['failed', 1],
    ['succeeded', 1],
  ])
})

test('a step fails naming the items that did, and the next run does those alone', async () => {
  const bench = await openBench(projectOf(mapped(literal(TEN))))
  const first = bench.serve(
    working((item) => (item.item % 4 === 3 ? broken(item, `no ${item.item}`) : doubled(item))),
  )
  const failed = await runTrain(first.pipelines)
  expect(failed.status).toBe('failed')
  expect(failed.steps[0]).toMatchObject({
    state: 'failed',
    items: { total: 10, succeeded: 8, cached: 0, failed: 2 },
    error: { code: 'STEP_FAILED', message: '2 of 10 items failed\nitem 3: no 3\nitem 7: no 7' },
  })
  const page = { limit: 20, state: 'failed' } as const
  const { items } = await first.pipelines.items(CTX, failed.id, 'score', page)
  expect(items).toMatchObject([
    { item: 3, attempt: 1, inputs: { n: 3, shared: 'same' }, error: { message: 'no 3' } },
    { item: 7, attempt: 1 },
  ])

  const again: number[] = []
  const second = bench.serve(
    working((item) => {
      again.push(item.item)
      return doubled(item)
    }),
  )
  const done = await runTrain(second.pipelines)
  expect(again.toSorted((a, b) => a - b)).toEqual([3, 7])
  expect(done.steps[0]).toMatchObject({
    outputs: TEN.map((n) => n * 2),
    items: { total: 10, succeeded: 10, cached: 8, failed: 0 },
  })
})

test('with one item changed one item is done, and why tells which part of it', async () => {
  const bench = await openBench(projectOf(mapped(literal(TEN))))
  const before = await runTrain(bench.serve(working(doubled)).pipelines)
  bench.manifest = projectOf(mapped(literal(TEN.with(5, 50))))
  const seen: JsonValue[] = []
  const { pipelines } = bench.serve(
    working((item) => {
      seen.push(item.inputs)
      return doubled(item)
    }),
  )
  const after = await runTrain(pipelines)
  expect(seen).toEqual([{ n: 50 }])
  expect(after.steps[0]?.outputs).toEqual([0, 2, 4, 6, 8, 100, 12, 14, 16, 18])
  expect(await pipelines.why(CTX, after.id, 'score')).toMatchObject({
    item: null,
    answer: 'changed',
    changed: [{ part: 'inputs.n' }],
  })
  expect(await pipelines.why(CTX, after.id, 'score', 5)).toMatchObject({
    item: 5,
    answer: 'changed',
    earlier: before.id,
    changed: [{ part: 'inputs.n' }, { part: 'seed' }],
  })
  const reused = { item: 4, answer: 'reused', earlier: before.id, changed: [] }
  expect(await pipelines.why(CTX, after.id, 'score', 4)).toMatchObject(reused)
  await expect(pipelines.why(CTX, after.id, 'score', 10)).rejects.toMatchObject({
    code: 'NOT_FOUND',
  })
})

test('a list that was done before starts no process, in whatever order and with whatever twice', async () => {
  const bench = await openBench(projectOf(mapped(literal(TEN))))
  await runTrain(bench.serve(working(doubled)).pipelines)
  bench.manifest = projectOf(mapped(literal([...TEN.toReversed(), 9, 9])))
  const { pipelines, started } = bench.serve(working(doubled))
  const { steps } = await runTrain(pipelines)
  expect(steps[0]?.outputs).toEqual([18, 16, 14, 12, 10, 8, 6, 4, 2, 0, 18, 18])
  expect(steps[0]?.items).toMatchObject({ succeeded: 12, cached: 12 })
  expect(started).toEqual([])
})

test('equal items are done once, and have the same seed; others have others', async () => {
  const bench = await openBench(projectOf(mapped(literal([1, 2, 1, 1, 2]))))
  const seeds = new Map<JsonValue, number>()
  const { pipelines } = bench.serve(
    working((item) => {
      seeds.set(item.inputs['n'] ?? null, item.seed)
      return made(item, item.seed)
    }),
  )
  const { steps } = await runTrain(pipelines)
  // The first 32 bits of `printf '[7,{"n":1}]' | sha256sum`, and of 2.
  expect(seeds).toEqual(
    new Map([
      [1, 2188315655],
      [2, 3474849257],
    ]),
  )
  expect(steps[0]?.outputs).toEqual([2188315655, 3474849257, 2188315655, 2188315655, 3474849257])
  expect(steps[0]?.items).toMatchObject({ succeeded: 5, cached: 3 })
})

test('no items give an empty list, without a process', async () => {
  const bench = await openBench(projectOf(mapped(literal([]))))
  const { pipelines, started } = bench.serve(working(doubled))
  expect((await runTrain(pipelines)).steps[0]).toMatchObject({ state: 'succeeded', outputs: [] })
  expect(started).toEqual([])
})

test.each([
  [
    'what is no list',
    literal('DE'),
    /step score\.items: expected a list of at most 100000, got "DE"/,
  ],
  ['too many', literal(Array.from({ length: 100_001 }, () => 0)), /got 100001 items/],
  ['a part that an item lacks', literal([{ n: 1 }, {}]), /item 1 of step score gave no n/],
])('%s fails the step before anything starts', async (_title, items, message) => {
  const step = mapped(items)
  const inputs = { n: ofItem(...(message.source.includes('gave no') ? ['n'] : [])) }
  const bench = await openBench(projectOf({ ...step, inputs }))
  const { pipelines, started } = bench.serve(working(doubled))
  const { status, steps } = await runTrain(pipelines)
  expect(status).toBe('failed')
  expect(steps[0]?.error?.message).toMatch(message)
  expect(started).toEqual([])
})

test('an item whose process dies under it has failed; those that were not begun are done by others', async () => {
  const bench = await openBench(projectOf(mapped(literal(TEN), { concurrency: 1 })))
  const does = working(doubled)
  const { pipelines, started } = bench.serve(async (attempt, server) => {
    if (started.length > 1) return does(attempt, server)
    // Item 0 is done and told; of what it took with that the first is under way.
    const [item] = await exchange(attempt, server, [], 1)
    if (item) await exchange(attempt, server, [doubled(item)], 1)
    return { end: { kind: 'killed', signal: 'SIGSEGV' }, tail: 'oh' }
  })
  const { steps } = await runTrain(pipelines)
  expect(steps[0]).toMatchObject({
    items: { succeeded: 9, failed: 1 },
    error: { message: '1 of 10 items failed\nitem 1: its process was killed by SIGSEGV\noh' },
  })
})

test('where several items may have ended their process, each is tried by itself, and one is to blame', async () => {
  const bench = await openBench(projectOf(mapped(literal(TEN), { concurrency: 1 })))
  const taken: number[][] = []
  const { pipelines } = bench.serve(async (attempt, server) => {
    let ended: ItemEnd[] = []
    for (;;) {
      const items = await exchange(attempt, server, ended, 4)
      taken.push(items.map(({ item }) => item))
      if (items.length === 0) return undefined
      if (items.some(({ item }) => item === 2)) return { end: { kind: 'exited', code: 9 } }
      ended = items.map(doubled)
    }
  })
  const { id, steps } = await runTrain(pipelines)
  expect(steps[0]?.items).toMatchObject({ succeeded: 9, failed: 1 })
  expect(steps[0]?.error?.message).toContain('item 2: its process ended with exit code 9')
  expect(taken.filter((items) => items.includes(2)).at(-1)).toEqual([2])
  const { items } = await pipelines.items(CTX, id, 'score', { limit: 10 })
  expect(items.map(({ attempt }) => attempt)).toEqual(TEN.map(() => 1))
})

test('a process that cannot begin fails the step with what it printed', async () => {
  const bench = await openBench(projectOf(mapped(literal(TEN))))
  const { pipelines } = bench.serve(async () => ({
    end: { kind: 'exited', code: 1 },
    tail: 'score.js exports no function default',
  }))
  expect((await runTrain(pipelines)).steps[0]?.error?.message).toBe(
    'its process ended with exit code 1\nscore.js exports no function default',
  )
})

test('after a server that died the rest is done, and what its processes still tell does not count', async () => {
  const bench = await openBench(projectOf(mapped(literal(TEN), { concurrency: 1 })))
  const held = deferred<{ attempt: Attempt; items: readonly ItemWork[] }>()
  const first = bench.serve(async (attempt, server) => {
    const items = await exchange(attempt, server, [], 4)
    held.resolve({ attempt, items: await exchange(attempt, server, items.map(doubled), 2) })
    return new Promise(() => undefined)
  })
  const { id } = await first.pipelines.start(CTX, 'train', {})
  const ghost = await held.promise
  const seen: number[] = []
  const second = bench.serve(
    working((item) => {
      seen.push(item.item)
      return doubled(item)
    }),
  )
  await second.pipelines.resume()
  const { steps } = await whenEnded(second.pipelines, id)
  expect(steps[0]).toMatchObject({ attempt: 2, outputs: TEN.map((n) => n * 2) })
  const before = TEN.filter((n) => !seen.includes(n))
  expect(before.length).toBeGreaterThan(0)
  expect(seen.toSorted((a, b) => a - b)).toEqual(TEN.slice(before.length))
  await expect(
    exchange(ghost.attempt, first.pipelines, ghost.items.map(doubled), 1),
  ).rejects.toMatchObject({ code: 'FENCED' })
  await expect(
    exchange(ghost.attempt, second.pipelines, ghost.items.map(doubled), 1),
  ).rejects.toMatchObject({ code: 'FENCED' })
})

test('a server that stops in good order takes no attempt from the items under way', async () => {
  const bench = await openBench(projectOf(mapped(literal(TEN), { concurrency: 1 })))
  const begun = deferred<number>()
  const first = bench.serve(async (attempt, server) => {
    begun.resolve((await exchange(attempt, server, [], 3)).length)
    return new Promise(() => undefined)
  })
  const { id } = await first.pipelines.start(CTX, 'train', {})
  await begun.promise
  await first.pipelines.close()
  const second = bench.serve(working(doubled))
  await second.pipelines.resume()
  await whenEnded(second.pipelines, id)
  const { items } = await second.pipelines.items(CTX, id, 'score', { limit: 10 })
  expect(items.map(({ attempt }) => attempt)).toEqual(TEN.map(() => 1))
})

test('points of an item stand at its number in the run of the step, once', async () => {
  const bench = await openBench(projectOf(mapped(literal([5, 6, 7]), { retries: 1 })))
  let isFirst = true
  const { pipelines } = bench.serve(
    working((item) => {
      if (item.item === 1 && isFirst) {
        isFirst = false
        return broken(item, 'later')
      }
      const value = Number(item.inputs['n'])
      return {
        ...doubled(item),
        status: 'succeeded',
        outputs: value,
        points: [{ key: 'n', value }],
      }
    }),
  )
  const { steps } = await runTrain(pipelines)
  const runId = steps[0]?.runId ?? ''
  const { points } = await bench.runs.metricHistory(CTX, runId, 'n', 10)
  const curve = points.map(({ step, value }) => [Number(step), value])
  expect(curve.toSorted(([a = 0], [b = 0]) => a - b)).toEqual([
    [0, 5],
    [1, 6],
    [2, 7],
  ])
  expect(await bench.runs.get(CTX, runId)).toMatchObject({
    params: { shared: 'same', items: 3 },
    seed: 7,
  })
})

test('a repetition does every item again, twice where it is there twice', async () => {
  const bench = await openBench(projectOf(mapped(literal([1, 1, 2]))))
  const seen: number[] = []
  const { pipelines } = bench.serve(
    working((item) => {
      seen.push(item.item)
      return doubled(item)
    }),
  )
  const { id } = await runTrain(pipelines)
  const repeated = await whenEnded(pipelines, (await pipelines.repeat(CTX, id)).id)
  expect(repeated.status).toBe('succeeded')
  expect(seen.toSorted((a, b) => a - b)).toEqual([0, 0, 1, 2, 2])
  expect(await pipelines.difference(CTX, repeated.id)).toMatchObject({ metrics: [], inputs: [] })
})

test('items may be a parameter, and the item of a step is no value of another one', async () => {
  const project = projectOf(mapped(param('items')))
  const [train] = project.pipelines
  if (!train) throw new Error('no pipeline')
  const spec = { ...train, params: { ...train.params, items: { type: 'list' as const } } }
  const bench = await openBench({ ...project, pipelines: [spec] })
  const { pipelines } = bench.serve(working(doubled))
  const { id } = await pipelines.start(CTX, 'train', { items: [4] })
  expect((await whenEnded(pipelines, id)).steps[0]?.outputs).toEqual([8])
  await expect(pipelines.start(CTX, 'train', { items: 4 })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: 'params.items: expected a list as JSON, got 4',
  })
  bench.manifest = projectOf(moduleStep('once', { n: ofItem() }))
  await expect(pipelines.start(CTX, 'train', {})).rejects.toMatchObject({
    message: 'pipeline train: input n of step once reads an item, which is not there',
  })
})

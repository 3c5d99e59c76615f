import { expect, test } from 'vitest'
import type { ModelArtifact, RowSet } from '../wire/pipeline.ts'
import { int, text, timestamp } from './column.ts'
import { dataset } from './dataset.ts'
import { DEFINITION } from './definition.ts'
import { endpoint } from './endpoint.ts'
import { gate } from './gate.ts'
import { field } from './model-input.ts'
import { day, duration, list } from './param.ts'
import { pipeline } from './pipeline.ts'
import { python } from './python.ts'
import { immediate } from './release-plan.ts'
import { csv } from './source.ts'
import type { StepContext } from './step-context.ts'
import { step } from './step.ts'
import { trainingSet } from './training-set.ts'
import { onNewData, trigger } from './trigger.ts'

const rowsOf = dataset('visits', {
  source: csv('./visits.csv'),
  columns: { at: timestamp(), clicks: int(), page: text(), bought: int(), known: timestamp() },
  at: 'at',
  label: { column: 'bought', knownAt: 'known' },
})
const shop = endpoint('shop', { model: 'shop', subject: 'visit', input: { clicks: int() } })

// Never called here: only their types matter.
const fit = async (
  { save, rows, train }: StepContext,
  inputs: { readonly rows: RowSet; readonly depth: number },
): Promise<ModelArtifact> => save(await train.gradientBoosting(await rows(inputs.rows)))
const describe = async (_ctx: StepContext, inputs: { readonly model: ModelArtifact }) => ({
  size: inputs.model.rows,
  note: { text: 'trained' },
})

const params = { until: day(), window: duration('28d'), depth: int(3) }

test('what a step gives goes on by name, and the manifest says where it comes from', () => {
  const train = pipeline('train', params, ({ until, window, depth }) => {
    const inputs = [field('clicks')]
    const rows = trainingSet('rows', { from: rowsOf, until, window, holdout: '7d', inputs })
    const model = step('fit', async () => fit)({ rows: rows.train, depth })
    const note = step('describe', async () => describe)({ model })
    step(
      'print',
      async () => async (_ctx, _inputs: { text: string; times: number }) => null,
    )({
      text: note.note.text,
      times: 2,
    })
  })
  const { steps } = train[DEFINITION].spec
  expect(steps.map(({ name }) => name)).toEqual(['rows', 'fit', 'describe', 'print'])
  expect(steps[1]?.inputs).toEqual({
    rows: { kind: 'step', step: 'rows', path: ['train'] },
    depth: { kind: 'param', param: 'depth' },
  })
  expect(steps[3]?.inputs).toEqual({
    text: { kind: 'step', step: 'describe', path: ['note', 'text'] },
    times: { kind: 'literal', value: 2 },
  })
})

const one = async (_ctx: StepContext, { depth }: { depth: number; page: string }) => ({
  deep: depth,
})
const sum = async (_ctx: StepContext, { all }: { all: readonly { deep: number }[] }) => all.length

test('a step is mapped over a list, whoever gives it, and members of an item go by name', () => {
  const fits = pipeline('fits', { depths: list<number>([1, 2]), page: text('a') }, (given) => {
    const { depths, page } = given
    const fitted = step('fitted', async () => one).map(depths, (depth) => ({ depth, page }), {
      concurrency: 8,
    })
    const again = step('again', async () => one).map(fitted, ({ deep }) => ({ depth: deep, page }))
    step('sum', async () => sum)({ all: again })
    step('named', python<{ name: string }, null>('named.py')).map(['DE', 'FR'], (name) => ({
      name,
    }))
    // @ts-expect-error an item is a number
    step('wrong', async () => one).map(['DE'], (depth) => ({ depth, page }))
    // @ts-expect-error a list of results is not one
    step('worse', async () => one).map([1], (depth) => ({ depth, page: again }))
  })
  const { steps, params: given } = fits[DEFINITION].spec
  expect(given['depths']).toEqual({ type: 'list', default: [1, 2] })
  expect(steps.slice(0, 4)).toMatchObject([
    {
      inputs: { depth: { kind: 'item', path: [] }, page: { kind: 'param', param: 'page' } },
      each: { items: { kind: 'param', param: 'depths' }, concurrency: 8 },
    },
    {
      inputs: { depth: { kind: 'item', path: ['deep'] } },
      each: { items: { kind: 'step', step: 'fitted', path: [] }, concurrency: 4 },
    },
    { inputs: { all: { kind: 'step', step: 'again', path: [] } } },
    { kind: 'python', each: { items: { kind: 'literal', value: ['DE', 'FR'] } } },
  ])
  expect(steps[2]).not.toHaveProperty('each')
})

test('a wrong wiring does not compile', () => {
  pipeline('train', params, ({ until, window, depth }) => {
    const inputs = [field('clicks')]
    const rows = trainingSet('rows', { from: rowsOf, until, window, holdout: '7d', inputs })
    const fitOnRows = step('fit', async () => fit)
    const model = fitOnRows({ rows: rows.train, depth })
    // @ts-expect-error a model is not a row set
    step('a', async () => fit)({ rows: model, depth })
    // @ts-expect-error a text is not a number
    step('b', async () => fit)({ rows: rows.train, depth: until })
    // @ts-expect-error an input is missing
    step('c', async () => fit)({ rows: rows.train })
    // @ts-expect-error a row set is not a model
    gate('d', { candidate: rows.newest, rows: rows.newest }, { auc: { atLeast: 0.7 } })
    // @ts-expect-error a training set gives no such part
    step('e', async () => fit)({ rows: rows.oldest, depth })
  })
  expect(() =>
    dataset('visits', {
      source: csv('./visits.csv'),
      columns: { at: timestamp() },
      // @ts-expect-error no such column
      at: 'when',
    }),
  ).toThrow('dataset visits.at: expected one of at, got "when"')
  const train = pipeline('train', params, ({ depth }) => {
    step('f', async () => async (_ctx, _inputs: { depth: number }) => depth)({ depth })
  })
  const rest = { on: shop, when: [onNewData(5)], run: train, cooldown: '1d' } as const
  expect(() =>
    // @ts-expect-error depth is no day
    trigger('again', { ...rest, until: 'depth', release: immediate() }),
  ).toThrow('trigger again.until: expected one of until, got "depth"')
})

import { PipelineRun } from '@gyre/sdk/wire/pipeline'
import { PredictReply } from '@gyre/sdk/wire/predict'
import { Run } from '@gyre/sdk/wire/run'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { lockOf } from './churn.ts'
import { openShop } from './shop.ts'

const config = (trainer: string) => `
import {
  boolean, csv, dataset, endpoint, field, gate, int, lightgbm, list, number, pipeline, rate, register, sklearn, step,
  text, timestamp, trainingSet, transform,
} from '@gyre/sdk'
export const customers = dataset('customers', {
  source: csv('./customers.csv'),
  columns: { at: timestamp(), plan: text(), visits: number().nullable(), left: boolean() },
  at: 'at',
  label: { column: 'left', knownAt: 'at' },
})
export const shape = transform(
  'shape',
  { of: customers, from: ['visits', 'at'], gives: ['root', 'hour'] },
  async () => (await import('./shape.ts')).shape,
)
export const churn = endpoint('churn', {
  model: 'churn',
  subject: 'customer',
  input: { at: timestamp(), plan: text(), visits: number().nullable() },
})
const inputs = {
  from: customers, until: '2026-02-01T00:00:00Z', window: '31d', holdout: '6d',
  inputs: [field('visits'), rate('plan', { prior: 5 }), shape.root, shape.hour],
} as const
export const train = pipeline('train', { seed: int(7), seeds: list<number>([7, 8, 9]) }, ({ seed, seeds }) => {
  const rows = trainingSet('rows', inputs)
  const model = step('fit', ${trainer})({ rows: rows.train, seed })
  step('each', ${trainer}).map(seeds, (each) => ({ rows: rows.train, seed: each }), { concurrency: 2 })
  const verdict = gate('good', { candidate: model, rows: rows.newest }, { auc: { atLeast: 0.6 } })
  register('churn', { model, verdict }, { approvedBy: 'gate' })
})
`

const SHAPE = `
export function shape({ visits, at }: { readonly visits: number | null; readonly at: Date }) {
  return { root: visits === null ? null : Math.sqrt(visits), hour: at.getUTCHours() }
}
`

/** An hour a row, of three plans that keep their customers differently well. */
function customers(): string {
  const plans = ['free', 'team', 'firm']
  const rows = Array.from({ length: 744 }, (_, hour) => {
    const at = new Date(Date.UTC(2026, 0, 1, hour)).toISOString()
    const plan = (hour * 7919) % 3
    const visits = ((hour * 104_729) % 101) / 10
    const noise = ((hour * 15_485_863) % 97) / 97
    const left = plan * 0.4 + visits / 20 + noise > 1.1
    return [at, plans[plan], hour % 9 === 0 ? '' : visits, left].join(',')
  })
  return `at,plan,visits,left\n${rows.join('\n')}\n`
}

const Model = z.object({ digest: z.string(), rows: z.number() })

test.each([
  [
    'lightgbm',
    `lightgbm({ num_iterations: 30, num_leaves: 7, bagging_fraction: 0.7, bagging_freq: 1 })`,
  ],
  ['sklearn', `sklearn('logistic-regression', { C: 0.5 })`],
])(
  'rates and transforms are learned by %s as a step and as the work of each item, and served',
  async (library, trainer) => {
    const files = {
      'gyre.config.ts': config(trainer),
      'shape.ts': SHAPE,
      'customers.csv': customers(),
    }
    const { cli, server } = await openShop(files, lockOf(library))
    expect((await cli('data', 'import', 'customers')).code).toBe(0)
    const ran = await cli('pipeline', 'run', 'train', '--json')
    expect(ran.stderr).toBe('')
    const { refused, ...ended } = z
      .looseObject({ refused: z.array(z.unknown()) })
      .parse(JSON.parse(ran.stdout))
    const run = PipelineRun.parse(ended)
    expect([run.steps.filter(({ error }) => error !== null), refused]).toEqual([[], []])
    const stepOf = (name: string) => run.steps.find(({ step }) => step === name)
    const fit = Model.parse(stepOf('fit')?.outputs)
    const each = z.array(Model).parse(stepOf('each')?.outputs)
    // The item whose seed is the step's has learned the very same files.
    expect(each[0]).toEqual(fit)
    expect(each).toHaveLength(3)
    expect(new Set(each.map(({ digest }) => digest)).size).toBe(3)

    const path = `${server.url}/api/v1/runs/${stepOf('each')?.runId}`
    expect(Run.parse(await (await fetch(path)).json()).metrics['onnx_parity']).toBeLessThan(1e-6)
    const parity = await (await fetch(`${path}/metric-history?key=onnx_parity`)).json()
    const { points } = z.object({ points: z.array(z.object({ step: z.number() })) }).parse(parity)
    expect(points.map(({ step }) => step).toSorted((a, b) => a - b)).toEqual([0, 1, 2])

    expect((await cli('release', 'churn', 'churn@1')).stderr).toBe('')
    const ask = async (plan: string, visits: number | null) => {
      const input = { at: '2026-02-01T12:00:00Z', plan, visits }
      const reply = await fetch(`${server.url}/predict/churn`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ subject: `${plan} ${visits}`, input }),
      })
      expect(reply.status).toBe(200)
      return Number(PredictReply.parse(await reply.json()).score)
    }
    // As the rows were made: of the firm plan more leave, and of those who visit often.
    expect(await ask('firm', 5)).toBeGreaterThan((await ask('free', 5)) + 0.2)
    expect(await ask('team', 9)).toBeGreaterThan(await ask('team', 1))
    expect(await ask('nobody has it', null)).toBeGreaterThan(0)
  },
  1_800_000,
)

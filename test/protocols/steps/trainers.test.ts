import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PredictReply } from '@gyre/sdk/wire/predict'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { pinnedPython } from '../python.ts'
import { openShop } from './shop.ts'

const NATIVE = fileURLToPath(new URL('./native.py', import.meta.url))
const lockOf = (library: string) =>
  fileURLToPath(
    new URL(`../../../sdk/python/trainers/${library}/requirements.lock`, import.meta.url),
  )

const configOf = (trainer: string) => `
import {
  boolean, csv, dataset, endpoint, field, gate, int, lightgbm, number, pipeline, register, sklearn, step,
  timestamp, trainingSet,
} from '@gyre/sdk'
export const customers = dataset('customers', {
  source: csv('./customers.csv'),
  columns: { at: timestamp(), visits: number().nullable(), spent: number(), left: boolean() },
  at: 'at',
  label: { column: 'left', knownAt: 'at' },
})
export const churn = endpoint('churn', {
  model: 'churn',
  subject: 'customer',
  input: { visits: number().nullable(), spent: number().nullable() },
})
export const train = pipeline('train', { seed: int(7) }, ({ seed }) => {
  const rows = trainingSet('rows', {
    from: customers,
    until: '2026-02-01T00:00:00Z',
    window: '31d',
    holdout: '6d',
    inputs: [field('visits'), field('spent')],
  })
  const model = step('fit', ${trainer})({ rows: rows.train, seed })
  const verdict = gate('good', { candidate: model, rows: rows.newest }, { auc: { atLeast: 0.6 } })
  register('churn', { model, verdict }, { approvedBy: 'gate' })
})
`

/** An hour a row; every ninth customer's visits are unknown, what they spent never is. */
function customers(): string {
  const rows = Array.from({ length: 744 }, (_, hour) => {
    const at = new Date(Date.UTC(2026, 0, 1, hour)).toISOString()
    const visits = ((hour * 7919) % 101) / 10
    const spent = ((hour * 104_729) % 1009) / 7 - 50
    const noise = ((hour * 15_485_863) % 97) / 97
    const left = visits / 10 + (spent > 20 ? 0.4 : 0) + noise > 1.2
    return [at, hour % 9 === 0 ? '' : visits, spent, left].join(',')
  })
  return `at,visits,spent,left\n${rows.join('\n')}\n`
}

const QUESTIONS = [
  { visits: 3.3, spent: 12.25 },
  { visits: 9.9, spent: 90.1 },
  { visits: 0, spent: -49.5 },
  { visits: null, spent: 30 },
  // Nobody whose spending is unknown was learned from.
  { visits: 5, spent: null },
]

const Step = z.object({
  step: z.string(),
  runId: z.string().nullable(),
  outputs: z.unknown(),
  error: z.unknown(),
})
const Page = z.object({ runs: z.array(z.object({ id: z.string(), steps: z.array(Step) })) })
const Run = z.object({
  id: z.string(),
  metrics: z.record(z.string(), z.number()),
  environment: z.record(z.string(), z.string()),
})

test.each([
  [
    'lightgbm',
    'lightgbm',
    `lightgbm({ num_iterations: 40, num_leaves: 7, bagging_fraction: 0.7, bagging_freq: 1 })`,
  ],
  [
    'sklearn',
    'hist-gradient-boosting',
    `sklearn('hist-gradient-boosting', { max_iter: 40, max_leaf_nodes: 7 })`,
  ],
  ['sklearn', 'logistic-regression', `sklearn('logistic-regression', { C: 0.5 })`],
])(
  'what %s learns by %s is gated, served, and answers as the library does',
  async (library, algorithm, trainer) => {
    const files = { 'gyre.config.ts': configOf(trainer), 'customers.csv': customers() }
    const { folder, cli, server } = await openShop(files, lockOf(library))
    const steps = async (...args: readonly string[]) => {
      await cli(...args)
      const reply = await fetch(`${server.url}/api/v1/pipeline-runs?limit=1`)
      const { runs } = Page.parse(await reply.json())
      expect(runs[0]?.steps.filter(({ error }) => error !== null)).toEqual([])
      return new Map(runs[0]?.steps.map((each) => [each.step, each]))
    }
    expect((await cli('data', 'import', 'customers')).code).toBe(0)
    const ran = await steps('pipeline', 'run', 'train')
    const fit = ran.get('fit')
    expect(fit?.outputs).toEqual({ digest: expect.stringMatching(/^sha256:/), rows: 600 })
    const run = Run.parse(await (await fetch(`${server.url}/api/v1/runs/${fit?.runId}`)).json())
    expect(run.metrics['onnx_parity']).toBeLessThanOrEqual(1e-6)
    expect(run.environment).toMatchObject({ OMP_NUM_THREADS: '1' })

    const again = await steps('reproduce', run.id)
    expect(again.get('fit')?.runId).not.toBe(fit?.runId)
    expect(again.get('fit')?.outputs).toEqual(fit?.outputs)

    expect((await cli('release', 'churn', 'churn@1')).stderr).toBe('')
    const served: number[] = []
    for (const [at, input] of QUESTIONS.entries()) {
      const reply = await fetch(`${server.url}/predict/churn`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ subject: `c${at}`, input }),
      })
      served.push(PredictReply.parse(await reply.json()).score)
    }
    const asked = [
      algorithm,
      join(folder, 'customers.csv'),
      '2026-01-26',
      '7',
      JSON.stringify(QUESTIONS),
    ]
    const native = spawnSync(await pinnedPython(lockOf(library)), [NATIVE, ...asked], {
      encoding: 'utf8',
      env: { OMP_NUM_THREADS: '1' },
    })
    const answers = z.array(z.number()).parse(JSON.parse(native.stdout))
    const differences = answers.map((answer, at) => Math.abs(answer - (served[at] ?? Number.NaN)))
    expect(Math.max(...differences)).toBeLessThanOrEqual(1e-6)
    expect(new Set(served.map((score) => score.toFixed(3))).size).toBeGreaterThan(2)
  },
  1_800_000,
)

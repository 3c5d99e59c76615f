import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PredictReply } from '@gyre/sdk/wire/predict'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { pinnedPython } from '../python.ts'
import { configOf, customers, lockOf } from './churn.ts'
import { openShop } from './shop.ts'

const NATIVE = fileURLToPath(new URL('./native.py', import.meta.url))
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
      served.push(Number(PredictReply.parse(await reply.json()).score))
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

import { readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { z } from 'zod'
import { configOf, customers, lockOf } from './churn.ts'
import { openShop } from './shop.ts'

const Ran = z.object({
  id: z.string(),
  status: z.string(),
  steps: z.array(
    z.object({
      step: z.string(),
      attempt: z.number(),
      runId: z.string().nullable(),
      outputs: z.unknown(),
      error: z.unknown(),
    }),
  ),
})

/**
 * The processes of scripts that have kept a checkpoint: a script runs in the folder for its outputs, which has its
 * report beside it. Source: proc(5).
 */
async function goneFarEnough(): Promise<readonly number[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const found = ids.map(async (id) => {
    const folder = await readlink(`/proc/${id}/cwd`).catch(() => '')
    if (!/\/gyre-step-.+\/outputs$/.test(folder)) return []
    const report = await readFile(join(folder, '../report.jsonl'), 'utf8').catch(() => '')
    return report.includes('checkpoint') ? [Number(id)] : []
  })
  return (await Promise.all(found)).flat()
}

const RESUME = `{ resume: { maxRun: '20m', maxWait: '30m', every: '20ms' } }`

test.each([
  ['lightgbm', `lightgbm({ num_iterations: 3000, num_leaves: 7, learning_rate: 0.01 })`],
  [
    'lightgbm',
    `lightgbm({ num_iterations: 3000, learning_rate: 0.01, bagging_fraction: 0.7, bagging_freq: 1, feature_fraction: 0.5 })`,
  ],
  [
    'sklearn',
    `sklearn('hist-gradient-boosting', { max_iter: 400, learning_rate: 0.02, max_features: 0.5 })`,
  ],
])(
  'a training by %s (%s) that is killed five times ends with the model that it would have had',
  async (library, trainer) => {
    const files = {
      'gyre.config.ts': configOf(`${trainer}, ${RESUME}`),
      'customers.csv': customers(),
    }
    const { cli, server } = await openShop(files, lockOf(library))
    const read = async (path: string, method = 'GET') =>
      Ran.parse(await (await fetch(`${server.url}/api/v1${path}`, { method })).json())
    const fitOf = ({ steps }: z.infer<typeof Ran>) => steps.find(({ step }) => step === 'fit')
    expect((await cli('data', 'import', 'customers')).code).toBe(0)
    await cli('pipeline', 'run', 'train')
    const page = await fetch(`${server.url}/api/v1/pipeline-runs?limit=1`)
    const [whole] = z.object({ runs: z.tuple([Ran]) }).parse(await page.json()).runs
    expect(fitOf(whole)?.error).toBeNull()

    const again = await read(`/pipeline-runs/${whole.id}/repeat`, 'POST')
    const seen = new Set<number>()
    for (const signal of ['SIGKILL', 'SIGTERM', 'SIGKILL', 'SIGTERM', 'SIGKILL'] as const) {
      const pid = await vi.waitFor(
        async () => {
          const found = (await goneFarEnough()).find((id) => !seen.has(id))
          expect(found).toBeDefined()
          return Number(found)
        },
        { timeout: 60_000, interval: 5 },
      )
      seen.add(pid)
      process.kill(pid, signal)
    }
    const killed = await read(`/pipeline-runs/${again.id}?wait=true`)
    expect([killed.status, fitOf(killed)?.error]).toEqual(['succeeded', null])
    expect(fitOf(killed)?.attempt).toBe(6)
    expect(fitOf(killed)?.outputs).toEqual(fitOf(whole)?.outputs)
    const run = `${server.url}/api/v1/runs/${fitOf(killed)?.runId}`
    const history = await (await fetch(`${run}/metric-history?key=onnx_parity&limit=10`)).json()
    expect(z.object({ points: z.array(z.unknown()) }).parse(history).points).toHaveLength(1)
  },
  1_800_000,
)

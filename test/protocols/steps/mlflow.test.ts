import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { openShop } from './shop.ts'

const REQUIREMENTS = fileURLToPath(new URL('../mlflow/requirements.txt', import.meta.url))

const CONFIG = `
import { int, pipeline, python, step } from '@gyre/sdk'
export const train = pipeline('train', { seed: int(7) }, ({ seed }) => {
  step('fit', python('fit.py', { requirements: 'requirements.lock' }), { timeout: '5m' })({ seed })
})
`

const Step = z.object({ outputs: z.unknown(), error: z.unknown() })

const Run = z.object({
  id: z.string(),
  name: z.string(),
  status: z.string(),
  experiment: z.string().nullable(),
  metrics: z.record(z.string(), z.number()),
  params: z.record(z.string(), z.unknown()),
  tags: z.record(z.string(), z.string()),
})

test('the client of MLflow logs to the run of the step that it runs in, and to no other', async () => {
  const fit = await readFile(new URL('./fit.py', import.meta.url), 'utf8')
  const { cli, server } = await openShop({ 'gyre.config.ts': CONFIG, 'fit.py': fit }, REQUIREMENTS)
  await cli('pipeline', 'run', 'train')
  const reply = await fetch(`${server.url}/api/v1/pipeline-runs?limit=1`)
  const { runs: pipelines } = z
    .object({ runs: z.tuple([z.object({ steps: z.tuple([Step]) })]) })
    .parse(await reply.json())
  expect(pipelines[0].steps[0].error).toBeNull()
  expect(pipelines[0].steps[0].outputs).toEqual({
    // What MLflow makes of a 403, whatever it was that the step may not.
    refused: ['PERMISSION_DENIED', 'PERMISSION_DENIED', 'PERMISSION_DENIED', 'PERMISSION_DENIED'],
    model: expect.stringMatching(/^m-[0-9a-f]{32}$/),
    said: [3, 7],
  })

  const listed = await cli('runs', 'ls', '--experiment', 'train', '--json')
  const [run, ...others] = z.array(Run).parse(JSON.parse(listed.stdout))
  expect(others).toEqual([])
  expect(run).toMatchObject({
    name: 'fit',
    status: 'succeeded',
    metrics: { loss: 0.25, auc: 0.75, training_score: 1 },
    params: { seed: 7, depth: '3', max_iter: '100' },
    tags: { team: 'blue', estimator_name: 'LogisticRegression' },
  })
  const files = await fetch(
    `${server.url}/api/2.0/mlflow/artifacts/list?run_id=${run?.id}&path=notes`,
  )
  expect(await files.json()).toMatchObject({ files: [{ path: 'notes/note.txt', file_size: 4 }] })
}, 1_800_000)

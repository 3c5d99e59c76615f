import type { GyreClient } from '@gyre/sdk/client'
import { Double, type Run } from '@gyre/sdk/wire/run'
import { z } from 'zod'
import { storePath } from '../../train/python-step.ts'
import { createStepFiles } from '../../train/step-files.ts'
import type { ReportSink } from './report.ts'

interface SinkDeps {
  readonly client: GyreClient
  readonly run: Run
  /** Where the program runs. */
  readonly folder: string
  readonly temp: string
  /** Calls again while the server is away. */
  readonly tell: <T>(call: () => Promise<T>) => Promise<T>
}

const Done = z.strictObject({})

/** Points and checkpoints of a program go to its run; its files stay where it wrote them. */
export function reportSink({ client, run: { id }, folder, temp, tell }: SinkDeps): ReportSink {
  const files = createStepFiles(client, temp)
  return {
    async log(points) {
      const timestamp = Date.now()
      const metrics = points.map(({ key, value, step = 0 }) => ({
        key,
        value: z.encode(Double, value),
        step,
        timestamp,
      }))
      const body = { run_id: id, metrics }
      await tell(() => client.post('/api/2.0/mlflow/runs/log-batch', body, Done))
    },
    async commit({ checkpoint, step }) {
      const artifact = await tell(() => storePath(files, folder, 'checkpoint', checkpoint))
      const body = { step, artifact, atMs: Date.now() }
      await tell(() => client.post(`/api/v1/runs/${id}/checkpoint`, body, Done))
    },
  }
}

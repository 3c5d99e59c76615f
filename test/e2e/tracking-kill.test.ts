import { beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { seededRandom } from '../../src/core/random.ts'
import { tempFolder } from '../../src/store/contract/temp-folder.ts'
import { build, up, type Running } from './program.ts'
import { send } from './traffic.ts'

beforeAll(() => build())

const [ROUNDS, CLIENTS, POINTS] = [4, 8, 50]

const Created = z.object({ run: z.object({ info: z.object({ run_id: z.string() }) }) })
const History = z.object({ metrics: z.array(z.object({ step: z.number() })).default([]) })
const Label = z.object({ key: z.string(), value: z.string() })
const Metric = z.object({ key: z.string(), value: z.number(), step: z.number() })
const Data = z.object({ metrics: z.array(Metric).default([]), params: z.array(Label).default([]) })
const Found = z.object({ run: z.object({ data: Data }) })

const post = (server: Running, path: string, body: unknown) =>
  send(`${server.url}/api/2.0/mlflow/${path}`, 'POST', body)

const read = async <T>(server: Running, path: string, shape: z.ZodType<T>): Promise<T> =>
  shape.parse((await send(`${server.url}/api/2.0/mlflow/${path}`, 'GET'))?.body)

/** A batch that is told from every other by its parameter and its steps. */
const batchOf = (run: string, batch: number) => ({
  run_id: run,
  params: [{ key: `batch-${batch}`, value: String(batch) }],
  metrics: Array.from({ length: POINTS }, (_, i) => ({
    key: 'loss',
    value: batch + i / POINTS,
    timestamp: 1_700_000_000_000 + batch,
    step: batch * POINTS + i,
  })),
})

test('batches that were answered are whole after kill -9, and no other is there by half', async () => {
  const data = await tempFolder()
  const random = seededRandom(4)
  const acked = new Set<number>()
  let [run, sent] = ['', 0]
  for (let round = 0; round < ROUNDS; round++) {
    const server = await up(data)
    if (run === '') {
      const reply = await post(server, 'runs/create', { experiment_id: '0', start_time: 1 })
      run = Created.parse(reply?.body).run.info.run_id
    }
    await whole(server, run, acked)
    const goal = acked.size + 20 + Math.floor(random() * 60)
    let isCut = false
    const clients = Array.from({ length: CLIENTS }, async () => {
      while (!isCut) {
        const batch = sent++
        const reply = await post(server, 'runs/log-batch', batchOf(run, batch))
        if (reply === undefined) return
        expect(reply).toEqual({ status: 200, body: {} })
        acked.add(batch)
        if (acked.size === goal) {
          isCut = true
          await server.stop('SIGKILL')
        }
      }
    })
    await Promise.all(clients)
  }
  const server = await up(data)
  await whole(server, run, acked)
  // A client that got no answer sends its batch again.
  const again = [...acked].slice(0, 5)
  for (const batch of again)
    expect((await post(server, 'runs/log-batch', batchOf(run, batch)))?.status).toBe(200)
  await whole(server, run, acked)
})

/** Of each batch all or nothing, of the answered ones all, each point once, and the newest is the run's. */
async function whole(server: Running, run: string, acked: ReadonlySet<number>): Promise<void> {
  const { metrics } = await read(
    server,
    `metrics/get-history?run_id=${run}&metric_key=loss`,
    History,
  )
  const steps = metrics.map(({ step }) => step)
  expect(new Set(steps).size, 'a point that was sent again is there once').toBe(steps.length)
  const found = await read(server, `runs/get?run_id=${run}`, Found)
  const { params, metrics: newest } = found.run.data
  const there = new Set(steps.map((step) => Math.floor(step / POINTS)))
  expect(steps.length, 'no batch is there by half').toBe(there.size * POINTS)
  expect([...acked].filter((batch) => !there.has(batch))).toEqual([])
  expect(params.map(({ value }) => Number(value)).toSorted((a, b) => a - b)).toEqual(
    [...there].toSorted((a, b) => a - b),
  )
  expect(newest.map(({ step }) => step)).toEqual(steps.length === 0 ? [] : [Math.max(...steps)])
}

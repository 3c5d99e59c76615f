import type { GyreClient } from '@gyre/sdk/client'
import { ImportedRuns, type ImportedRun, type ImportRun } from '@gyre/sdk/wire/import'
import { bytesOfJson, chunksOf, inLots, LOT_BYTES } from './lots.ts'
import { sendFiles } from './send-files.ts'
import { createPointSender } from './send-points.ts'
import { settle, settleAll } from './settle.ts'
import type { Source, SourceRun } from './source.ts'
import type { Tally } from './tally.ts'

/** Sends runs with all that belongs to them. */
export async function sendRuns(client: GyreClient, tally: Tally, source: Source): Promise<void> {
  const fitting = withoutGiants(tally, source.runs())
  for await (const lot of inLots(fitting, ({ run }) => bytesOfJson(run))) {
    const heads = lot.map((one) => one.run)
    const replies =
      lot.length === 1 && heads[0] ? [await sendLarge(client, heads[0])] : await post(client, heads)
    const points = createPointSender(client, tally)
    for (const [i, one] of lot.entries()) {
      const reply = replies[i]
      putDown(tally, one.run, reply)
      if (!reply || typeof reply.outcome === 'object') await dropRest(tally, one)
      else await points.send(one.run.id, reply.series, one.points())
    }
    await points.finish()
    for (const [i, { run, files }] of lot.entries())
      if (typeof replies[i]?.outcome === 'string')
        await sendFiles(client, tally, { kind: 'run', id: run.id }, files())
  }
}

/** A part that no request could carry is refused alone. */
async function* withoutGiants(
  tally: Tally,
  runs: AsyncIterable<SourceRun>,
): AsyncGenerator<SourceRun> {
  for await (const { run, ...rest } of runs) {
    const fits = (kind: string, name: string, part: unknown): boolean => {
      const isFitting = bytesOfJson(part) <= LOT_BYTES
      if (!isFitting) tally.miss(kind, `${name} of run ${run.id}`, 'it is larger than a request')
      return isFitting
    }
    const params = run.params.filter((param) => fits('params', param.key, param))
    const tags = run.tags.filter((tag) => fits('tags', tag.key, tag))
    const datasets = run.datasets.filter((dataset) => fits('datasets', dataset.name, dataset))
    yield { ...rest, run: { ...run, params, tags, datasets } }
  }
}

async function post(
  client: GyreClient,
  runs: readonly ImportRun[],
): Promise<readonly ImportedRun[]> {
  return (await client.post('/api/v1/import/runs', { runs }, ImportedRuns)).runs
}

/** Sends a run in as many requests as it takes. */
async function sendLarge(client: GyreClient, run: ImportRun): Promise<ImportedRun | undefined> {
  let whole: ImportedRun | undefined
  for (const slice of slicesOf(run)) {
    const [reply] = await post(client, [slice])
    if (!reply || !whole || typeof reply.outcome === 'object') whole = reply
    else
      whole = {
        outcome: whole.outcome,
        params: [...whole.params, ...reply.params],
        tags: [...whole.tags, ...reply.tags],
        datasets: [...whole.datasets, ...reply.datasets],
        models: [...whole.models, ...reply.models],
        series: reply.series,
      }
    if (typeof whole?.outcome !== 'string') break
  }
  return whole
}

/** The run again and again, each time with other parts, in their order. */
function* slicesOf(run: ImportRun): Generator<ImportRun> {
  if (bytesOfJson(run) <= LOT_BYTES) return yield run
  const head = { ...run, params: [], tags: [], datasets: [], models: [] }
  for (const params of chunksOf(run.params)) yield { ...head, params }
  for (const tags of chunksOf(run.tags)) yield { ...head, tags }
  for (const datasets of chunksOf(run.datasets)) yield { ...head, datasets }
  for (const models of chunksOf(run.models)) yield { ...head, models }
}

function putDown(tally: Tally, run: ImportRun, reply: ImportedRun | undefined): void {
  countRun(tally, run)
  if (!settle(tally, 'runs', `run ${run.id}`, reply?.outcome) || !reply) {
    for (const [kind, parts] of partsOf(run)) tally.drop(kind, parts.length)
    return
  }
  const of = `of run ${run.id}`
  settleAll(tally, 'params', run.params, reply.params, ({ key }) => `${key} ${of}`)
  settleAll(tally, 'tags', run.tags, reply.tags, ({ key }) => `${key} ${of}`)
  settleAll(tally, 'datasets', run.datasets, reply.datasets, ({ name }) => `${name} ${of}`)
  settleAll(tally, 'model uses', run.models, reply.models, ({ model }) => `${model} ${of}`)
}

/** Puts down that a run was found, with its parts. */
export function countRun(tally: Tally, run: ImportRun): void {
  tally.find('runs')
  for (const [kind, parts] of partsOf(run)) tally.find(kind, parts.length)
}

function partsOf({ params, tags, datasets, models }: ImportRun) {
  return [
    ['params', params],
    ['tags', tags],
    ['datasets', datasets],
    ['model uses', models],
  ] as const
}

/** What cannot come because its run was refused. */
async function dropRest(tally: Tally, { points, files }: SourceRun): Promise<void> {
  let count = 0
  for await (const _ of points()) count++
  tally.find('points', count)
  tally.drop('points', count)
  for await (const _ of files()) {
    tally.find('files')
    tally.drop('files', 1)
  }
}

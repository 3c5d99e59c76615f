import { setTimeout as delay } from 'node:timers/promises'
import { basename } from 'node:path'
import { throughOutage, type GyreClient } from '@gyre/sdk/client'
import { Batch } from '@gyre/sdk/wire/batch'
import { z } from 'zod'
import { GyreError, isErrorCode } from '../../core/errors.ts'
import { openBatchFolder, type BatchFolder, type BatchManifest } from '../batch-folder.ts'
import { withClient, withServer, type AddCommand } from '../command.ts'
import { counted } from '../counted.ts'
import { table } from '../table.ts'

/** A batch is looked at so often while somebody waits for it. */
const LOOK_MS = 500

/** How long a server that is starting anew is waited for: the batch goes on with it. */
const OUTAGE_MS = 60_000

const StartOptions = z.object({
  out: z.string().min(1),
  shardRows: z.exactOptional(z.string()),
  at: z.exactOptional(z.string()),
  json: z.boolean().default(false),
})
const FetchOptions = StartOptions.pick({ out: true, json: true })
const JsonOption = StartOptions.pick({ json: true })

/** `gyre batch`, `gyre batches [show|fetch|cancel]` */
export const addBatch: AddCommand = (program) => {
  withServer(program.command('batch'))
    .description('answer every row of a file by the stable version of an endpoint')
    .argument('<endpoint>')
    .argument('<input>', 'FILE.parquet or FILE.csv')
    .requiredOption('--out <folder>', 'where the files of answers go; made when absent')
    .option('--shard-rows <n>', 'rows of each file of answers; 50,000 unless told')
    .option('--at <column>', "the column that holds a row's event time; now unless told")
    .option('--json', 'the manifest, for programs')
    .action((endpoint: string, input: string, raw: unknown) =>
      withClient(raw, async (client) => {
        const { out, shardRows, at, json } = StartOptions.parse(raw)
        const format = formatOf(input)
        const folder = await openBatchFolder(out)
        const request = {
          digest: await client.putFile(input),
          name: basename(input),
          format,
          ...(shardRows === undefined ? {} : { shardRows: readCount(shardRows) }),
          ...(at === undefined ? {} : { at }),
        }
        const path = `/api/v1/endpoints/${encodeURIComponent(endpoint)}/batches`
        const { id } = await client.post(path, request, Batch)
        if (process.stderr.isTTY) process.stderr.write(`${id} has begun\n`)
        print(await follow(client, id, folder), out, json)
      }),
    )

  const batches = withServer(program.command('batches'))
    .description('batches, newest first')
    .option('--json', 'for programs')
    .action((raw: unknown) =>
      withClient(raw, async (client) => {
        const shape = z.strictObject({ batches: z.array(Batch) })
        const listed = (await client.get('/api/v1/batches', shape)).batches
        if (JsonOption.parse(raw).json) return console.log(JSON.stringify(listed, null, 2))
        const rows = listed.map((each) => [
          each.id,
          each.endpoint,
          each.model,
          each.status,
          each.done,
          each.rows,
          each.failedRows,
          each.startedAt,
        ])
        const headings = 'batch endpoint version status done rows failed started'.split(' ')
        console.log(table(headings, rows))
      }),
    )

  withServer(batches.command('show'))
    .description('how far a batch is, as JSON')
    .argument('<batch>')
    .action((id: string, _raw: unknown, command) =>
      withClient(command.optsWithGlobals(), async (client) => {
        console.log(JSON.stringify(await client.get(pathOf(id), Batch), null, 2))
      }),
    )

  withServer(batches.command('fetch'))
    .description(
      'wait for a batch and bring its answers; what the folder has already is not brought again',
    )
    .argument('<batch>')
    .requiredOption('--out <folder>', 'where the files of answers go; made when absent')
    .option('--json', 'the manifest, for programs')
    .action((id: string, _raw: unknown, command) =>
      withClient(command.optsWithGlobals(), async (client) => {
        const { out, json } = FetchOptions.parse(command.optsWithGlobals())
        await client.get(pathOf(id), Batch)
        print(await follow(client, id, await openBatchFolder(out, id)), out, json)
      }),
    )

  withServer(batches.command('cancel'))
    .description('stop a batch where it is; its finished files of answers stay')
    .argument('<batch>')
    .action((id: string, _raw: unknown, command) =>
      withClient(command.optsWithGlobals(), async (client) => {
        console.log(progress(await client.post(`${pathOf(id)}/cancel`, {}, Batch)))
      }),
    )
}

function formatOf(input: string): 'parquet' | 'csv' {
  const [, ending = ''] = /\.([^.]+)$/.exec(input.toLowerCase()) ?? []
  if (ending === 'parquet' || ending === 'csv') return ending
  throw new GyreError(
    'INVALID_ARGUMENT',
    `input: expected FILE.parquet or FILE.csv, got ${input}`,
    {
      field: 'input',
    },
  )
}

function readCount(text: string): number {
  const count = Number(text)
  if (Number.isSafeInteger(count) && count > 0) return count
  throw new GyreError('INVALID_ARGUMENT', `--shard-rows: expected a whole number, got ${text}`, {
    field: 'shardRows',
  })
}

/** Brings each shard as soon as it is there. Throws what the batch failed with, CANCELLED where somebody stopped it. */
async function follow(client: GyreClient, id: string, folder: BatchFolder): Promise<BatchManifest> {
  const { signal } = new AbortController()
  for (;;) {
    const batch = await throughOutage(() => client.get(pathOf(id), Batch), OUTAGE_MS, signal)
    await throughOutage(() => folder.bring(client, batch), OUTAGE_MS, signal)
    if (process.stderr.isTTY) process.stderr.write(`\r${progress(batch)}\u001B[K`)
    if (batch.status !== 'running') {
      if (process.stderr.isTTY) process.stderr.write('\n')
      if (batch.status === 'succeeded') return folder.finish(batch)
      const { code = 'CANCELLED', message = `the batch was ${batch.status}` } = batch.error ?? {}
      throw new GyreError(isErrorCode(code) ? code : 'INTERNAL', `${id}: ${message}`, { batch: id })
    }
    await delay(LOOK_MS)
  }
}

function pathOf(id: string): string {
  return `/api/v1/batches/${encodeURIComponent(id)}`
}

function progress({ id, status, done, rows, failedRows }: Batch): string {
  return `${id}: ${status}, ${done} of ${rows ?? '?'} rows, ${failedRows} failed`
}

function print(manifest: BatchManifest, out: string, json: boolean): void {
  if (json) return console.log(JSON.stringify(manifest, null, 2))
  const { batch, rows, failedRows, shards, model } = manifest
  const files = counted(shards.length, 'file')
  console.log(`${batch}: ${counted(rows, 'row')} by ${model}, ${failedRows} failed; ${files} in ${out}`) // prettier-ignore
}

import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { z } from 'zod'
import { withClient, withServer, type AddCommand } from '../command.ts'

/** `gyre predictions export ENDPOINT --out FILE` */
export const addPredictions: AddCommand = (program) => {
  const predictions = program.command('predictions').description('what was answered')

  withServer(predictions.command('export'))
    .description('one row per prediction, with the label that came back, as Parquet')
    .argument('<endpoint>')
    .requiredOption('--out <file>', 'the Parquet file to write')
    .action((endpoint: string, options: unknown) =>
      withClient(options, async (client) => {
        const { out } = z.object({ out: z.string().min(1) }).parse(options)
        const partial = `${out}.part`
        try {
          const path = `/api/v1/endpoints/${encodeURIComponent(endpoint)}/predictions.parquet`
          await pipeline(await client.download(path), createWriteStream(partial))
          await rename(partial, out)
        } finally {
          await rm(partial, { force: true })
        }
        console.log(`wrote ${out}`)
      }),
    )
}

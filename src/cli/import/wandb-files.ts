import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { errnoOf } from '../../core/errors.ts'
import { reasonOf } from './mlflow-folder.ts'
import type { Tally } from './tally.ts'
import type { RunFolder, WandbRun } from './wandb-run.ts'

const Config = z.record(z.string(), z.unknown())
const Entry = z.object({ value: z.unknown() })

/** Adds what `config.yaml` and `wandb-summary.json` say and the log does not: its end may have been torn off. */
export async function addFromFiles(
  tally: Tally,
  { config, summary }: WandbRun,
  { path }: RunFolder,
): Promise<void> {
  await read(tally, join(path, 'files', 'config.yaml'), (text) => {
    for (const [key, entry] of Object.entries(Config.parse(parse(text)))) {
      const { data } = Entry.safeParse(entry)
      const json = data && JSON.stringify(data.value)
      if (json !== undefined && !key.startsWith('_') && key !== 'wandb_version')
        config.add({ path: [key], json })
    }
  })
  await read(tally, join(path, 'files', 'wandb-summary.json'), (text) => {
    if (text.trim() !== '') summary.add({ path: [], json: text })
  })
}

async function read(tally: Tally, path: string, take: (text: string) => void): Promise<void> {
  try {
    take(await readFile(path, 'utf8'))
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') tally.miss('config and summary files', path, reasonOf(error))
  }
}

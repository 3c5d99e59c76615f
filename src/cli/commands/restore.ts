import { z } from 'zod'
import { readConfig } from '../../core/config.ts'
import { nodeFiles } from '../../store/files.ts'
import { restoreBackup } from '../../upkeep/restore.ts'
import { describeBackup } from '../backup-screen.ts'
import type { AddCommand } from '../command.ts'
import { openArchive } from '../open-archive.ts'

const Options = z.object({
  data: z.exactOptional(z.string()),
  json: z.boolean().default(false),
})

/** `gyre restore FILE`: pure over files, no server is asked. */
export const addRestore: AddCommand = (program) => {
  program
    .command('restore')
    .description('make a data folder of a backup; no server is needed')
    .argument('<file>')
    .option('--data <folder>', 'a folder that is not there yet, or empty (GYRE_DATA, ./.gyre)')
    .option('--json', 'for programs')
    .action(async (file: string, options: unknown) => {
      const { json, ...given } = Options.parse(options)
      const { data } = readConfig(given)
      const checked = await restoreBackup(nodeFiles, await openArchive(file), data)
      console.log(describeBackup(`restored ${file} into ${data}`, checked, json))
    })
}

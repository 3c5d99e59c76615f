import type { IncomingMessage } from 'node:http'
import type { Command } from 'commander'
import { z } from 'zod'
import { GyreError, toGyreError } from '../../core/errors.ts'
import { nodeFiles } from '../../store/files.ts'
import { checkArchive } from '../../upkeep/check-archive.ts'
import { assertNoFile, partialPath, saveBackup } from '../../upkeep/save-backup.ts'
import { describeBackup } from '../backup-screen.ts'
import { withClient, withServer, type AddCommand } from '../command.ts'
import { openArchive } from '../open-archive.ts'

const Options = z.object({ json: z.boolean().default(false) })

/** `gyre backup FILE`, `gyre backup verify FILE` */
export const addBackup: AddCommand = (program) => {
  const backup = program
    .command('backup')
    .description('all that the server keeps, as of one commit, in one file')
    .argument('<file>')
  withJson(withServer(backup)).action((file: string, options: unknown) =>
    withClient(options, async (client) => {
      const { json } = Options.parse(options)
      await assertNoFile(nodeFiles, file)
      const archive = await client.download('/api/v1/backup', { method: 'POST' })
      const checked = await saveBackup(nodeFiles, arriving(archive, file), file)
      console.log(describeBackup(`wrote ${file}`, checked, json))
    }),
  )

  withJson(backup.command('verify'))
    .description('read a backup to its end and check every byte of it')
    .argument('<file>')
    .action(async (file: string, _options: unknown, command: Command) => {
      // An option that both have is the outer one's.
      const { json } = Options.parse(command.optsWithGlobals())
      const checked = await checkArchive(await openArchive(file))
      console.log(describeBackup(`${file} is whole`, checked, json))
    })
}

function withJson(command: Command): Command {
  return command.option('--json', 'for programs')
}

/** A connection that ends says so in words of its own. */
async function* arriving(archive: IncomingMessage, file: string): AsyncGenerator<Uint8Array> {
  try {
    yield* archive as AsyncIterable<Uint8Array>
  } catch (thrown) {
    throw new GyreError(
      'UNAVAILABLE',
      `the server went away in the middle of the backup (${toGyreError(thrown).message}); ${partialPath(file)} was none and is removed`,
      {},
      thrown,
    )
  }
}

import { stat } from 'node:fs/promises'
import { RequestError } from '@gyre/sdk/client'
import { DatasetVersion } from '@gyre/sdk/wire/dataset'
import { Manifest } from '@gyre/sdk/wire/manifest'
import { z } from 'zod'
import { GyreError } from '../../core/errors.ts'
import { locateSource } from '../../projects/source.ts'
import { withClient, withServer, type AddCommand } from '../command.ts'
import { counted } from '../counted.ts'
import { table } from '../table.ts'

/** `gyre data import|ls` */
export const addData: AddCommand = (program) => {
  const data = program.command('data').description('datasets and their versions')

  withServer(data.command('import'))
    .description("check a dataset's file against its contract and keep it as a version")
    .argument('<name>')
    .option('--project <folder>', 'the project that declares it', '.')
    .option('--file <path>', 'this file instead of the declared source')
    .action((name: string, options: unknown) =>
      withClient(options, async (client) => {
        const { project, file } = z
          .object({ project: z.string(), file: z.exactOptional(z.string()) })
          .parse(options)
        const { manifest } = await client.get(
          '/api/v1/project',
          z.strictObject({ ref: z.string(), manifest: Manifest }),
        )
        const spec = manifest.datasets.find((dataset) => dataset.name === name)
        if (!spec)
          throw new GyreError('NOT_FOUND', `the applied project declares no dataset ${name}`, {
            dataset: name,
          })
        const found = file ?? locateSource(project, spec)
        await assertFile(found)
        const source = await client.putFile(found)
        const path = `/api/v1/datasets/${encodeURIComponent(name)}/versions`
        const version = await client
          .post(path, { source }, DatasetVersion)
          .catch((thrown: unknown) => {
            throw ofLine(found, thrown)
          })
        console.log(
          `${version.ref}: ${counted(version.rows, 'row')}, ${counted(version.checks.length, 'check')} passed, ${version.digest}`,
        )
      }),
    )

  withServer(data.command('ls'))
    .description('dataset versions')
    .action((options: unknown) =>
      withClient(options, async (client) => {
        const reply = z.strictObject({ versions: z.array(DatasetVersion) })
        const { versions } = await client.get('/api/v1/datasets', reply)
        const rows = versions.map((v) => [v.ref, v.rows, v.createdAt, v.digest])
        console.log(table(['version', 'rows', 'created', 'digest'], rows, 80))
      }),
    )
}

/** Reading a folder fails without a word of which. */
async function assertFile(path: string): Promise<void> {
  if (!(await stat(path)).isDirectory()) return
  throw new GyreError('INVALID_ARGUMENT', `${path}: expected a file, got a folder`, { path })
}

/** What is wrong with a line of the file, with where the file is: the server knows it by its digest alone. */
function ofLine(file: string, thrown: unknown): unknown {
  if (!(thrown instanceof RequestError)) return thrown
  const { code, status, message, details } = thrown
  const { line } = details
  if (typeof line !== 'number') return thrown
  return new RequestError(code, status, `${file}:${line}: ${message}`, details)
}

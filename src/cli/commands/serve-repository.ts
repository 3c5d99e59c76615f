import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { readConfig, type ConfigInput } from '../../core/config.ts'
import { GyreError } from '../../core/errors.ts'
import type { CliDeps } from '../command.ts'
import { untilStopped } from '../until-stopped.ts'

/** Whether a path is a folder of models: one that is no model itself. */
export async function isRepository(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  if (found?.isDirectory() !== true) return false
  return (await stat(join(path, 'MLmodel')).catch(() => undefined)) === undefined
}

type RepositoryOptions = ConfigInput & {
  readonly name?: string
  readonly url?: string
  readonly allowNonfinite: boolean
}

/** `gyre serve FOLDER`: a model repository by a server of its own, which follows the folder. */
export async function serveRepository(
  folder: string,
  { name, url, allowNonfinite, ...settings }: RepositoryOptions,
  startServer: CliDeps['startServer'],
): Promise<void> {
  const odd = name === undefined ? url && '--url' : '--name'
  if (odd)
    throw new GyreError(
      'INVALID_ARGUMENT',
      `${odd}: a folder of models is followed by the server that serves it, under its own names; start one with gyre serve ${folder}`,
      { field: odd.slice(2) },
    )
  if (allowNonfinite)
    throw new GyreError(
      'INVALID_ARGUMENT',
      '--allow-nonfinite: it is of one model, and not of a folder of them',
      { field: 'allow-nonfinite' },
    )
  const config = readConfig({ ...settings, modelRepository: folder })
  const server = await startServer(config)
  // Before the line that tells others that it may be stopped.
  const stopped = untilStopped()
  try {
    console.log(`${folder} is served: POST ${server.url}/v2/repository/index tells its models`)
    if (server.grpcAddress !== undefined) console.log(`gRPC on ${server.grpcAddress}`)
    console.log(`Gyre is ready on ${server.url} (data in ${config.data})`)
    await stopped
    console.log('stopping: finishing what is under way')
  } finally {
    await server.close()
  }
}

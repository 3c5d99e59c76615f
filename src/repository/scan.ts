import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Name } from '@gyre/sdk/wire/ref'
import { errnoOf, GyreError, toGyreError } from '../core/errors.ts'
import {
  AUTO_COMPLETED,
  readTritonConfig,
  type TritonConfig,
} from '../core/formats/triton-config.ts'

/** A numbered folder with a model file in it. */
export interface FoundVersion {
  readonly version: number
  /** Of the model file. */
  readonly path: string
  /** Size and time of the last change: another one means other bytes. */
  readonly stamp: string
}

/** A model's folder, or why it cannot be read as one. */
export type Found =
  | {
      readonly name: string
      readonly refusal: undefined
      readonly config: TritonConfig
      /** By number, the greatest first. */
      readonly versions: readonly FoundVersion[]
    }
  | { readonly name: string; readonly refusal: string }

/** Triton passes over folders that begin with 0 or no digit. */
const VERSION = /^[1-9]\d{0,8}$/

/** The models of a folder, by name. Throws INVALID_ARGUMENT where the folder cannot be listed. */
export async function scanRepository(folder: string): Promise<readonly Found[]> {
  const names = await foldersIn(folder).catch((cause: unknown) => {
    const message = `model repository ${folder}: ${toGyreError(cause).message}`
    throw new GyreError('INVALID_ARGUMENT', message, { field: 'modelRepository' }, cause)
  })
  return Promise.all(
    names.filter((name) => !name.startsWith('.')).map((name) => look(folder, name)),
  )
}

async function look(folder: string, name: string): Promise<Found> {
  try {
    if (!Name.safeParse(name).success)
      throw new GyreError(
        'INVALID_INPUT',
        `${name}: expected letters, digits, _ and - behind a letter`,
      )
    const config = await configOf(join(folder, name), name)
    const numbers = (await foldersIn(join(folder, name))).filter((one) => VERSION.test(one))
    const files = numbers.map((number) => fileOf(join(folder, name, number), number, config))
    const versions = (await Promise.all(files)).filter((one) => one !== undefined)
    if (versions.length === 0)
      throw new GyreError('NOT_FOUND', `${name}: no numbered folder with a ${config.modelFile}`)
    return {
      name,
      refusal: undefined,
      config,
      versions: versions.toSorted((a, b) => b.version - a.version),
    }
  } catch (thrown) {
    return { name, refusal: toGyreError(thrown).message }
  }
}

async function configOf(folder: string, name: string): Promise<TritonConfig> {
  try {
    return readTritonConfig(await readFile(join(folder, 'config.pbtxt'), 'utf8'), name)
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return AUTO_COMPLETED
    throw thrown
  }
}

async function fileOf(
  folder: string,
  number: string,
  { modelFile }: TritonConfig,
): Promise<FoundVersion | undefined> {
  const path = join(folder, modelFile)
  const stamp = await stampOf(path)
  return stamp === undefined ? undefined : { version: Number(number), path, stamp }
}

/** Undefined where no file is there (yet). */
export async function stampOf(path: string): Promise<string | undefined> {
  try {
    const found = await stat(path)
    return found.isFile() ? `${found.size} ${found.mtimeMs}` : undefined
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return undefined
    throw thrown
  }
}

/** Links to folders count, as mounted volumes make them. */
async function foldersIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  const names = entries.map(async (entry) => {
    const isFolder =
      entry.isDirectory() ||
      (entry.isSymbolicLink() && (await stat(join(folder, entry.name))).isDirectory())
    return isFolder ? entry.name : undefined
  })
  return (await Promise.all(names)).filter((name) => name !== undefined).toSorted()
}

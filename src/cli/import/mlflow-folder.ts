import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { errnoOf } from '../../core/errors.ts'
import type { Label } from '../../tracking/tracked-run.ts'
import { filesIn } from './folder-files.ts'
import type { Tally } from './tally.ts'

/** A folder of MLflow's file store, and the tally that hears of what cannot be read. */
export interface Shelf {
  readonly tally: Tally
  /** Real paths in which files may be read. */
  readonly within: readonly string[]
}

/** The names of the folders in a folder, and of what else is there, sorted; nothing where there is none. */
export async function entriesOf(
  path: string,
): Promise<{ readonly folders: readonly string[]; readonly others: readonly string[] }> {
  try {
    const entries = await readdir(path, { withFileTypes: true })
    const names = (isFolder: boolean) =>
      entries
        .filter((entry) => entry.isDirectory() === isFolder)
        .map(({ name }) => name)
        .toSorted()
    return { folders: names(true), others: names(false) }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return { folders: [], others: [] }
    throw error
  }
}

/** Tells the tally of what lies in a folder and means nothing to MLflow. */
export function refuseStrange(
  tally: Tally,
  path: string,
  names: readonly string[],
  known: readonly string[],
): void {
  for (const name of names)
    if (!known.includes(name))
      tally.miss('other files', join(path, name), 'nothing of MLflow is called so')
}

/** `meta.yaml` of a folder in the shape of `schema`; undefined, and told to the tally as `kind`, where it is not. */
export async function readMeta<T>(
  shelf: Shelf,
  kind: string,
  folder: string,
  schema: z.ZodType<T>,
  name = 'meta.yaml',
): Promise<T | undefined> {
  return readYaml(shelf, kind, folder, join(folder, name), schema)
}

/** A file of YAML; `what` is what the tally calls it. */
export async function readYaml<T>(
  { tally }: Shelf,
  kind: string,
  what: string,
  path: string,
  schema: z.ZodType<T>,
): Promise<T | undefined> {
  try {
    return schema.parse(parse(await readFile(path, 'utf8')))
  } catch (error) {
    tally.miss(kind, what, `${basename(path)}: ${reasonOf(error)}`)
    return undefined
  }
}

/** Why something could not be read, in a line. */
export function reasonOf(error: unknown): string {
  if (error instanceof z.ZodError) {
    const [issue] = error.issues
    return `${issue?.path.join('.')}: ${issue?.message}`
  }
  const code = errnoOf(error)
  if (code === 'ENOENT') return 'it is missing'
  const message = error instanceof Error ? error.message : String(error)
  return message.split('\n')[0] ?? message
}

/** A folder of files that are named by keys and hold values: params and tags. */
export async function labelsIn(
  { tally, within }: Shelf,
  kind: string,
  folder: string,
  of: string,
): Promise<Label[]> {
  if (!(await isThere(folder))) return []
  const labels: Label[] = []
  for await (const { path, from } of filesIn(folder, { tally, of: `${kind} of ${of}`, within }))
    try {
      labels.push({ key: path, value: UTF8.decode(await readFile(from)) })
    } catch (error) {
      tally.miss(kind, `${path} of ${of}`, reasonOf(error))
    }
  return labels
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export async function isThere(folder: string): Promise<boolean> {
  try {
    await readdir(folder)
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return false
    throw error
  }
}

/** What `shape` makes; undefined, and told to the tally, where it cannot be made. */
export function shaped<T>(tally: Tally, kind: string, what: string, shape: () => T): T | undefined {
  try {
    return shape()
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error
    tally.miss(kind, what, reasonOf(error))
    return undefined
  }
}

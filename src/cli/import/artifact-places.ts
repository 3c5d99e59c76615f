import { realpath } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { errnoOf } from '../../core/errors.ts'
import { liesWithin } from './folder-files.ts'
import type { Tally } from './tally.ts'

/** Finds the folders of artifacts by what MLflow says of them. */
export interface ArtifactPlaces {
  /** Real paths in which files may be read. */
  readonly within: readonly string[]
  /** A location's folder on this machine; undefined where it has none. */
  find(location: string): Promise<string | undefined>
  /** The same where nothing may ever have been put. */
  findAny(location: string): Promise<string | undefined>
  /** Tells the tally of the places of which nothing was found. */
  finish(): Promise<void>
}

export interface PlacesDeps {
  readonly tally: Tally
  /** Where relative locations begin. */
  readonly base: string
  /** Folders that may be read; those that do not exist are passed over. */
  readonly folders: readonly string[]
}

/** The last names of a location, by which its copy is found: experiment, what it is of, `artifacts`. */
const TAIL = /([^/]+\/(?:(?:models|traces)\/)?[^/]+\/artifacts)\/?$/

/** Where MLflow puts artifacts beside its database unless it is told. */
const USUAL = ['', 'mlruns', 'mlartifacts']

/** What is known of the folders below a root. */
interface Root {
  found: number
  missed: number
  /** One that is on this machine and may not be read. */
  outside: string | undefined
}

export async function createArtifactPlaces({
  tally,
  base,
  folders,
}: PlacesDeps): Promise<ArtifactPlaces> {
  const within: string[] = []
  for (const folder of folders) {
    const real = await existing(folder)
    if (real !== undefined) within.push(real)
  }
  /** By root: a location without its tail. */
  const roots = new Map<string, Root>()

  async function search(location: string, tail: string | undefined) {
    const local = localPath(base, location)
    const real = local === undefined ? undefined : await existing(local)
    if (real !== undefined && liesWithin(real, within)) return { folder: real }
    for (const folder of tail === undefined ? [] : within)
      for (const usual of USUAL) {
        const copy = await existing(join(folder, usual, tail ?? ''))
        if (copy !== undefined && liesWithin(copy, within)) return { folder: copy }
      }
    return { outside: real }
  }

  return {
    within,
    async find(location) {
      const tail = tailOf(location)
      const name = tail === undefined ? location : location.slice(0, location.lastIndexOf(tail))
      const root = roots.get(name) ?? { found: 0, missed: 0, outside: undefined }
      roots.set(name, root)
      const { folder, outside } = await search(location, tail)
      root.outside ??= outside
      if (folder === undefined) root.missed++
      else root.found++
      return folder
    },
    findAny: async (location) => (await search(location, tailOf(location))).folder,
    async finish() {
      for (const [name, { found, missed, outside }] of roots) {
        if (missed === 0 || (found > 0 && outside === undefined)) continue
        // A root of this machine that is there: nothing was put into it.
        const local = localPath(base, name)
        const real = local === undefined ? undefined : await existing(local)
        if (outside === undefined && real !== undefined && liesWithin(real, within)) continue
        tally.miss('artifact roots', name, reasonOf(outside))
      }
    },
  }
}

function tailOf(location: string): string | undefined {
  return TAIL.exec(location)?.[1]
}

function reasonOf(outside: string | undefined): string {
  return outside === undefined
    ? 'it is not on this machine: --artifacts FOLDER says where its copy is'
    : `${outside} is outside of what is imported: --artifacts FOLDER lets it in`
}

/** A location as a path of this machine; undefined for one that is elsewhere. */
function localPath(base: string, location: string): string | undefined {
  if (!/^[a-z][a-z0-9+.-]*:/i.test(location)) return resolve(base, location)
  if (!/^file:\/\/\/|^file:\/[^/]/i.test(location)) return undefined
  try {
    return fileURLToPath(location)
  } catch {
    return undefined
  }
}

async function existing(path: string): Promise<string | undefined> {
  try {
    return await realpath(path)
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}

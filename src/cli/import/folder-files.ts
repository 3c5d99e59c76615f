import { readdir, realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { errnoOf } from '../../core/errors.ts'
import type { SourceFile } from './source.ts'
import type { Tally } from './tally.ts'

export interface Walk {
  readonly tally: Tally
  /** What the files belong to, for the tally. */
  readonly of: string
  /** Folders, as `realpath` gives them: links may lead into these, and nowhere else. */
  readonly within: readonly string[]
  /** What the user may do about a link that leads elsewhere. */
  readonly hint?: string
  /** Names in the folder itself that are passed over. */
  readonly without?: readonly string[]
}

/** The files below a folder, by their paths in it. What is no file that may be read is told to the tally. */
export async function* filesIn(folder: string, walk: Walk): AsyncGenerator<SourceFile> {
  yield* walkFolder({ real: await realpath(folder), path: '', above: [] }, walk)
}

/** Whether a real path lies in one of some folders. */
export function liesWithin(path: string, folders: readonly string[]): boolean {
  return folders.some((folder) => path === folder || path.startsWith(withSlash(folder)))
}

function withSlash(folder: string): string {
  return folder.endsWith(sep) ? folder : folder + sep
}

interface Place {
  readonly real: string
  /** Ends in a slash unless it is empty. */
  readonly path: string
  /** The real paths of the folders above. */
  readonly above: readonly string[]
}

async function* walkFolder(place: Place, walk: Walk): AsyncGenerator<SourceFile> {
  const entries = await readdir(place.real, { withFileTypes: true }).catch((error: unknown) => {
    const code = errnoOf(error)
    if (code === undefined) throw error
    walk.tally.miss(
      'folders',
      `${place.path || place.real} of ${walk.of}`,
      `it cannot be read (${code})`,
    )
    return []
  })
  const above = [...place.above, place.real]
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (place.path === '' && walk.without?.includes(entry.name)) continue
    const [path, from] = [place.path + entry.name, join(place.real, entry.name)]
    const refuse = (reason: string): void =>
      walk.tally.miss('files', `${path} of ${walk.of}`, reason)
    if (entry.isDirectory()) yield* walkFolder({ real: from, path: `${path}/`, above }, walk)
    else if (entry.isFile()) yield { path, from }
    else if (!entry.isSymbolicLink()) refuse('it is neither a file nor a folder')
    else {
      const real = await targetOf(from)
      if (real === undefined) refuse('the link leads nowhere')
      else if (!liesWithin(real, walk.within))
        refuse(`the link leads to ${real}${walk.hint === undefined ? '' : `: ${walk.hint}`}`)
      else if (above.includes(real) || liesWithin(place.real, [real]))
        refuse('the link leads to a folder above it')
      else if ((await stat(real)).isDirectory())
        yield* walkFolder({ real, path: `${path}/`, above }, walk)
      else yield { path, from: real }
    }
  }
}

async function targetOf(link: string): Promise<string | undefined> {
  try {
    return await realpath(link)
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}

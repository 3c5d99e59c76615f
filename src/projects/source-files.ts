import { readdir, stat } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { errnoOf } from '../core/errors.ts'

/** A name that ends so is that of a source file. */
const SOURCES: ReadonlySet<string> = new Set(
  '.py .pyx .js .mjs .cjs .ts .sh .sql .r .jl .c .cc .cpp .h .hpp .cu .rs .go .java .scala'.split(
    ' ',
  ),
)

/** Of what git ignores, what a script may load; the other languages' are built there, or installed. */
const LOADED: ReadonlySet<string> = new Set(['.py', '.pyx', '.sh', '.sql', '.r', '.jl'])

/** Larger ones are generated, or data. */
export const MOST_SOURCE_BYTES = 1024 ** 2
/** Files that are told, and files that are looked at: a script may lie in a home folder. */
const MOST_TOLD = 1_000
const MOST_LOOKED_AT = 50_000

const FOREIGN: ReadonlySet<string> = new Set(['node_modules', '__pycache__', 'site-packages'])

export function isSource(path: string): boolean {
  return SOURCES.has(extname(path).toLowerCase())
}

/**
 * Every source file of the folder and below, but for hidden ones, installed packages, virtual environments, and files of
 * more than a mebibyte.
 */
export function sourcesIn(folder: string): Promise<readonly string[]> {
  return walk(folder, [''], isSource)
}

/** As `sourcesIn`, of paths that git ignores (a folder ends with `/`): what a script may load from there. */
export async function ignoredSources(
  folder: string,
  ignored: readonly string[],
): Promise<readonly string[]> {
  const open = ignored.filter((path) => path.split('/').every((name) => !isForeign(name)))
  const below = open.filter((path) => path.endsWith('/')).map((path) => path.slice(0, -1))
  const files = open.filter((path) => !path.endsWith('/') && isLoaded(path))
  return [...(await smallOf(folder, files)), ...(await walk(folder, below, isLoaded))]
}

function isLoaded(path: string): boolean {
  return LOADED.has(extname(path).toLowerCase())
}

function isForeign(name: string): boolean {
  return name.startsWith('.') || FOREIGN.has(name)
}

/** Level by level, so that the nearest are found however much lies below; sorted. */
async function walk(
  folder: string,
  from: readonly string[],
  isOne: (path: string) => boolean,
): Promise<readonly string[]> {
  const found: string[] = []
  let [looked, level] = [0, from]
  while (level.length > 0 && looked < MOST_LOOKED_AT) {
    const below: string[] = []
    for (const path of level) {
      const entries = await readdir(join(folder, path), { withFileTypes: true }).catch(unreadable)
      looked += entries.length
      if (entries.some(({ name }) => name === 'pyvenv.cfg')) continue
      for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
        if (isForeign(entry.name)) continue
        const inside = path === '' ? entry.name : `${path}/${entry.name}`
        if (entry.isDirectory()) below.push(inside)
        else if (entry.isFile() && isOne(inside)) found.push(inside)
      }
    }
    level = below
  }
  return smallOf(folder, found)
}

async function smallOf(folder: string, paths: readonly string[]): Promise<readonly string[]> {
  const sized = await Promise.all(
    paths
      .slice(0, MOST_TOLD)
      .map(async (path) => [path, await sizeOf(join(folder, path))] as const),
  )
  return sized.filter(([, bytes]) => bytes <= MOST_SOURCE_BYTES).map(([path]) => path)
}

/** Infinite for what is no file here. */
export async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => Number.POSITIVE_INFINITY,
  )
}

/** A folder of somebody else's says nothing. */
function unreadable(thrown: unknown): never[] {
  if (['EACCES', 'EPERM', 'ENOENT', 'ENOTDIR'].includes(errnoOf(thrown) ?? '')) return []
  throw thrown
}

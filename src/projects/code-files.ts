import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { errnoOf } from '../core/errors.ts'
import { changedSince, DIFF, git, unknownTo } from './git.ts'

/** The code in a folder, as far as no commit holds it. */
export interface CodeFiles {
  /** By path from the folder: the digest of each file, or `deleted`. */
  readonly digests: Readonly<Record<string, string>>
  /** What differs from the commit in files that git knows, as `git apply` takes it; empty where nothing does. */
  readonly diff: Uint8Array
  /** Paths of source files that git does not know, small enough to be kept. */
  readonly sources: readonly string[]
}

/** A name that ends so is that of a source file. */
const SOURCES: ReadonlySet<string> = new Set(
  '.py .pyx .js .mjs .cjs .ts .sh .sql .r .jl .c .cc .cpp .h .hpp .cu .rs .go .java .scala'.split(
    ' ',
  ),
)

/** Larger ones are generated, or data. */
const MOST_SOURCE_BYTES = 1024 ** 2
/** Digests that a run has, and files that are looked at: a script may lie in a home folder. */
const MOST_DIGESTS = 1_000
const MOST_LOOKED_AT = 50_000
/** Files whose bytes are kept with a run, and all of their bytes. */
const MOST_KEPT = 500
const MOST_KEPT_BYTES = 16 * 1024 ** 2

const FOREIGN: ReadonlySet<string> = new Set(['node_modules', '__pycache__', 'site-packages'])

/**
 * In a git repository what differs from the commit below `folder`; elsewhere every source file of the folder and below, but
 * for hidden ones, installed packages, virtual environments, and files of more than a mebibyte.
 */
export async function readCodeFiles(folder: string): Promise<CodeFiles> {
  const changed = await changedSince(folder)
  const unknown = await unknownTo(folder)
  if (changed === undefined || unknown === undefined) {
    const sources = await sourcesIn(folder)
    return {
      digests: await digestsOf(folder, sources),
      diff: new Uint8Array(),
      sources: await keepable(folder, sources),
    }
  }
  const untracked = unknown.filter((path) => isSource(path) && !/(^|\/)\./.test(path))
  return {
    digests: await digestsOf(folder, [...changed, ...unknown]),
    diff: await diffOf(folder),
    sources: await keepable(folder, untracked),
  }
}

/** Level by level, so that the nearest are found however much lies below; sorted. */
async function sourcesIn(folder: string): Promise<readonly string[]> {
  const found: string[] = []
  let [looked, level] = [0, ['']]
  while (level.length > 0 && looked < MOST_LOOKED_AT) {
    const below: string[] = []
    for (const path of level) {
      const entries = await readdir(join(folder, path), { withFileTypes: true }).catch(unreadable)
      looked += entries.length
      if (entries.some(({ name }) => name === 'pyvenv.cfg')) continue
      for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
        if (entry.name.startsWith('.') || FOREIGN.has(entry.name)) continue
        const inside = path === '' ? entry.name : `${path}/${entry.name}`
        if (entry.isDirectory()) below.push(inside)
        else if (entry.isFile() && isSource(inside)) found.push(inside)
      }
    }
    level = below
  }
  const sized = await Promise.all(
    found.slice(0, MOST_DIGESTS).map(async (path) => [path, await sizeOf(folder, path)] as const),
  )
  return sized.filter(([, bytes]) => bytes <= MOST_SOURCE_BYTES).map(([path]) => path)
}

/** A folder of somebody else's says nothing. */
function unreadable(thrown: unknown): never[] {
  if (['EACCES', 'EPERM', 'ENOENT'].includes(errnoOf(thrown) ?? '')) return []
  throw thrown
}

function isSource(path: string): boolean {
  return SOURCES.has(extname(path).toLowerCase())
}

async function digestsOf(
  folder: string,
  paths: readonly string[],
): Promise<Readonly<Record<string, string>>> {
  const digests: Record<string, string> = {}
  for (const path of paths.toSorted().slice(0, MOST_DIGESTS)) {
    const digest = await digestAt(join(folder, path))
    if (digest !== undefined) digests[path] = digest
  }
  return digests
}

/** Undefined for what is no file: the folder of a submodule, a link to one. */
async function digestAt(path: string): Promise<string | undefined> {
  const hash = createHash('sha256')
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk)
  } catch (thrown) {
    const errno = errnoOf(thrown) ?? ''
    if (['ENOENT', 'ENOTDIR'].includes(errno)) return 'deleted'
    if (['EISDIR', 'EACCES'].includes(errno)) return undefined
    throw thrown
  }
  return `sha256:${hash.digest('hex')}`
}

/** The first of them that fit. */
async function keepable(folder: string, paths: readonly string[]): Promise<readonly string[]> {
  const kept: string[] = []
  let total = 0
  for (const path of paths.slice(0, MOST_KEPT)) {
    const bytes = await sizeOf(folder, path)
    if (bytes > MOST_SOURCE_BYTES || total + bytes > MOST_KEPT_BYTES) continue
    total += bytes
    kept.push(path)
  }
  return kept
}

/** None at all where it would be too long: half a difference cannot be applied. */
async function diffOf(folder: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  await git(folder, [...DIFF, '--', '.'], (chunk) => {
    bytes += chunk.byteLength
    if (bytes <= MOST_KEPT_BYTES) chunks.push(chunk)
  })
  return bytes <= MOST_KEPT_BYTES ? Buffer.concat(chunks) : new Uint8Array()
}

async function sizeOf(folder: string, path: string): Promise<number> {
  return stat(join(folder, path)).then(
    ({ size }) => size,
    () => Number.POSITIVE_INFINITY,
  )
}

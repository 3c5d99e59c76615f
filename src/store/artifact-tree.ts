import { Tree, type TreeEntry } from '@gyre/sdk/wire/artifact'
import { GyreError } from '../core/errors.ts'

/** The manifest of a folder, sorted by path so that equal folders have equal digests. Throws INVALID_ARGUMENT. */
export function toTree(entries: readonly TreeEntry[]): Tree {
  const sorted = entries.toSorted((a, b) => (a.path < b.path ? -1 : 1))
  const parsed = Tree.safeParse({ entries: sorted })
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new GyreError('INVALID_ARGUMENT', `tree ${issue?.path.join('.')}: ${issue?.message}`)
  }
  const files = new Set<string>()
  for (const { path } of sorted) {
    if (files.has(path)) throw clash(path, 'is there twice')
    files.add(path)
  }
  for (const { path } of sorted)
    for (const folder of foldersAbove(path))
      if (files.has(folder)) throw clash(folder, `is a file and a folder (${path})`)
  return parsed.data
}

function* foldersAbove(path: string): Generator<string> {
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1))
    yield path.slice(0, end)
}

function clash(path: string, what: string): GyreError {
  return new GyreError('INVALID_ARGUMENT', `tree: ${path} ${what}`, { path })
}

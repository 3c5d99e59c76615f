import { SourceMap } from 'node:module'
import { isAbsolute, join, relative, resolve } from 'node:path'
import { z } from 'zod'
import { mappedFiles, type Bundle } from './bundle.ts'

/** A place in one of the files of a bundle; line and column from 1. */
export interface BundlePlace {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** What esbuild writes, as far as Node reads it. */
const Mapping = z.object({
  version: z.number(),
  sources: z.array(z.string()),
  names: z.array(z.string()),
  mappings: z.string(),
})

/**
 * The first of the places that lies in the project's own files, as `steps/fit.ts:3:10`; undefined where none does. Bundles
 * the project once more: a bundle with maps in it would have another digest on every machine.
 */
export async function sourcePlace(
  bundle: Bundle,
  places: readonly BundlePlace[],
): Promise<string | undefined> {
  if (places.length === 0) return undefined
  const mapped = await mappedFiles(bundle.root)
  for (const { file, line, column } of places) {
    const code = withoutHashes(Buffer.from(bundle.files.get(file) ?? '').toString())
    const map = mapped.find((each) => withoutHashes(each.code) === code)?.map
    if (map === undefined) continue
    const payload = { ...Mapping.parse(JSON.parse(map)), file, sourceRoot: '', sourcesContent: [] }
    const entry = new SourceMap(payload).findEntry(line - 1, column - 1)
    if (!('originalSource' in entry)) continue
    const path = relative(bundle.root, resolve(join(bundle.root, 'out'), entry.originalSource))
    if (isOwn(path)) return `${path}:${entry.originalLine + 1}:${entry.originalColumn + 1}`
  }
  return undefined
}

/** Chunks are named by what is in them, and a map is. */
function withoutHashes(code: string): string {
  return code.replaceAll(/-[A-Z0-9]{8}\.mjs/g, '.mjs')
}

function isOwn(path: string): boolean {
  return (
    !isAbsolute(path) && !path.startsWith('..') && !path.split(/[\\/]/).includes('node_modules')
  )
}

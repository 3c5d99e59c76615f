import { DefinitionError, type Locate } from '@gyre/sdk'
import type { BundledModule } from './bundle.ts'

/** What is imported first, and the member that is taken from it last: `(await import("./fit-ABC.mjs")).fit`. */
const LOADER = /\bimport\("\.\/([^"]+)"\)[^]*\.([\w$]+)\)?;?\s*\}?$/

/**
 * Finds what a loader loads by reading its text: the code of a step need not run, nor its packages load, to
 * be put into a manifest.
 */
export function locateIn(modules: ReadonlyMap<string, BundledModule>): Locate {
  return (field, load) => {
    const [, chunk = '', name = ''] = LOADER.exec(load.toString().trim()) ?? []
    const module = modules.get(chunk)
    if (!module)
      throw new DefinitionError(
        field,
        "expected a loader like async () => (await import('./steps/fit.ts')).fit",
      )
    if (!module.exports.includes(name))
      throw new DefinitionError(
        field,
        `expected one of the module's exports ${module.exports.join(', ')}, got ${name}`,
      )
    return { chunk, digest: module.digest, export: name }
  }
}

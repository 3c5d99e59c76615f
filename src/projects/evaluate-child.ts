import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { buildManifest, DefinitionError, SETTINGS } from '@gyre/sdk'
import type { BundledModule } from './bundle.ts'
import { locateIn } from './locate.ts'

/** What the parent asks: the folder that the bundle lies in, and what is known of it. */
export interface EvaluateRequest {
  readonly folder: string
  readonly entry: string
  readonly packageName: string
  readonly modules: ReadonlyMap<string, BundledModule>
  /** What the project's `setting(…)` calls give. */
  readonly settings: ReadonlyMap<string, string>
}

/** The manifest as the project makes it, not yet checked; or why there is none. */
export type EvaluateReply =
  | { readonly ok: true; readonly manifest: unknown }
  | { readonly ok: false; readonly field: string; readonly message: string }

async function evaluate(request: EvaluateRequest): Promise<EvaluateReply> {
  try {
    Reflect.set(globalThis, SETTINGS, request.settings)
    const { href } = pathToFileURL(join(request.folder, request.entry))
    const exports: Readonly<Record<string, unknown>> = await import(href)
    const manifest = buildManifest(exports, request.packageName, locateIn(request.modules))
    // Only JSON leaves: what is undefined or has a prototype would not survive being stored.
    return { ok: true, manifest: JSON.parse(JSON.stringify(manifest)) }
  } catch (thrown) {
    return { ok: false, ...describe(thrown, request.folder) }
  }
}

/** A DefinitionError comes from the bundle's own copy of its class, so it is told by its name. */
function describe(thrown: unknown, folder: string): { field: string; message: string } {
  if (!(thrown instanceof Error)) return { field: '', message: String(thrown) }
  const place = thrown.stack?.split('\n').find((line) => line.includes(folder))
  if (thrown.name === DefinitionError.name && 'field' in thrown)
    return { field: String(thrown.field), message: thrown.message }
  const where = place ? ` (${place.trim().replace(pathToFileURL(folder).href, '')})` : ''
  return { field: '', message: `${thrown.name}: ${thrown.message}${where}` }
}

process.once('message', (request: EvaluateRequest) => {
  void evaluate(request).then((reply) => process.send?.(reply, () => process.exit(0)))
})

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { buildManifest, DefinitionError, SETTINGS, SETTINGS_ASKED } from '@gyre/sdk'
import type { BundledModule } from './bundle.ts'
import { locateIn } from './locate.ts'
import type { BundlePlace } from './source-place.ts'

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
export type EvaluateReply = { readonly ok: true; readonly manifest: unknown } | Refusal

interface Refusal {
  readonly ok: false
  readonly field: string
  readonly message: string
  /** Where in the bundle it was thrown, the innermost call first. */
  readonly places: readonly BundlePlace[]
}

async function evaluate(request: EvaluateRequest): Promise<EvaluateReply> {
  try {
    Reflect.set(globalThis, SETTINGS, request.settings)
    const asked = new Set<string>()
    Reflect.set(globalThis, SETTINGS_ASKED, asked)
    const { href } = pathToFileURL(join(request.folder, request.entry))
    const exports: Readonly<Record<string, unknown>> = await import(href)
    assertAsked(request.settings, asked)
    const manifest = buildManifest(exports, request.packageName, locateIn(request.modules))
    // Only JSON leaves: what is undefined or has a prototype would not survive being stored.
    return { ok: true, manifest: JSON.parse(JSON.stringify(manifest)) }
  } catch (thrown) {
    return { ok: false, ...describe(thrown, request.folder) }
  }
}

/** A value for a setting that the project does not have would change nothing. */
function assertAsked(given: ReadonlyMap<string, string>, asked: ReadonlySet<string>): void {
  const unknown = [...given.keys()].find((name) => !asked.has(name))
  if (unknown === undefined) return
  const known = [...asked].toSorted().join(', ') || 'none'
  throw new DefinitionError(
    `setting ${unknown}`,
    `the project has no such setting; it has ${known}`,
  )
}

/** A DefinitionError comes from the bundle's own copy of its class, so it is told by its name. */
function describe(thrown: unknown, folder: string): Omit<Refusal, 'ok'> {
  if (!(thrown instanceof Error)) return { field: '', message: String(thrown), places: [] }
  if (thrown.name === DefinitionError.name && 'field' in thrown)
    return { field: String(thrown.field), message: thrown.message, places: [] }
  const message = `${thrown.name}: ${thrown.message}`
  return { field: '', message, places: placesIn(thrown.stack ?? '', pathToFileURL(folder).href) }
}

/** Where in the bundle something was thrown, the innermost call first. */
function placesIn(stack: string, folder: string): BundlePlace[] {
  return stack.split('\n').flatMap((call) => {
    const at = call.indexOf(`${folder}/`)
    const found = /^([^/:]+):(\d+):(\d+)/.exec(at < 0 ? '' : call.slice(at + folder.length + 1))
    const [, file, line, column] = found ?? []
    return file === undefined ? [] : [{ file, line: Number(line), column: Number(column) }]
  })
}

process.once('message', (request: EvaluateRequest) => {
  void evaluate(request).then((reply) => process.send?.(reply, () => process.exit(0)))
})

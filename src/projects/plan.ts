import type { Manifest, PlanChange } from '@gyre/sdk/wire/manifest'
import { canonicalJson } from '../core/digest.ts'

/** Where a function lies changes with its neighbours; what it is, its digest, does not. */
const PLACE = 'chunk'

/**
 * What replacing `before` (undefined: nothing was there) by `after` means, definition by definition, in the
 * order of the manifest. `fields` are dotted paths: `steps.fit.digest`, `columns.delay.max`.
 */
export function planChanges(before: Manifest | undefined, after: Manifest): readonly PlanChange[] {
  const [old, wanted] = [
    before ? definitionsOf(before) : new Map<string, Named>(),
    definitionsOf(after),
  ]
  const kept = [...wanted].map(([key, { kind, name, spec }]): PlanChange => {
    const known = old.get(key)
    if (!known) return { kind, name, change: 'added', fields: [] }
    const fields = [...differences(known.spec, spec)]
    return { kind, name, change: fields.length > 0 ? 'changed' : 'unchanged', fields }
  })
  const gone = [...old].flatMap(([key, { kind, name }]): PlanChange[] =>
    wanted.has(key) ? [] : [{ kind, name, change: 'removed', fields: [] }],
  )
  return [...kept, ...gone]
}

interface Named {
  readonly kind: string
  readonly name: string
  readonly spec: unknown
}

function definitionsOf(manifest: Manifest): ReadonlyMap<string, Named> {
  const byKind: Readonly<Record<string, readonly { readonly name: string }[]>> = {
    project: manifest.card ? [{ ...manifest.card, name: manifest.name }] : [],
    dataset: manifest.datasets,
    view: manifest.views,
    transform: manifest.transforms,
    pipeline: manifest.pipelines,
    endpoint: manifest.endpoints,
    monitor: manifest.monitors,
    trigger: manifest.triggers,
  }
  const found = new Map<string, Named>()
  for (const [kind, specs] of Object.entries(byKind))
    for (const spec of specs) found.set(`${kind} ${spec.name}`, { kind, name: spec.name, spec })
  return found
}

/** Paths of the leaves that differ; a list of named things is compared by name, any other list as a whole. */
function* differences(before: unknown, after: unknown, path = ''): Generator<string> {
  const [old, wanted] = [membersOf(before), membersOf(after)]
  if (!old || !wanted) {
    if (canonicalJson(before) !== canonicalJson(after)) yield path
    return
  }
  for (const key of new Set([...old.keys(), ...wanted.keys()]))
    if (key !== PLACE)
      yield* differences(old.get(key), wanted.get(key), path === '' ? key : `${path}.${key}`)
}

function membersOf(value: unknown): ReadonlyMap<string, unknown> | undefined {
  if (Array.isArray(value))
    return value.length > 0 && value.every(hasName)
      ? new Map(value.map((each) => [each.name, each]))
      : undefined
  if (typeof value !== 'object' || value === null) return undefined
  return new Map(Object.entries(value))
}

function hasName(value: unknown): value is { readonly name: string } {
  return (
    typeof value === 'object' && value !== null && 'name' in value && typeof value.name === 'string'
  )
}

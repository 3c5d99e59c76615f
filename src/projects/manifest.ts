import { Manifest, MANIFEST_PROTOCOL } from '@gyre/sdk/wire/manifest'
import { z } from 'zod'
import { GyreError } from '../core/errors.ts'
import { issueText } from '@gyre/sdk/wire/issue-text'
import type { Problem } from './problem.ts'
import { danglingReferences } from './references.ts'
import { unservableInputs } from './request-fields.ts'
import { brokenWiring } from './wiring.ts'

const AnyManifest = z.looseObject({ protocol: z.number() })

/**
 * Reads a manifest, whoever made it. Throws INVALID_ARGUMENT naming the field: an unknown protocol before all
 * else, then shape, then names that lead nowhere (all of those in `details.problems`).
 */
export function readManifest(json: unknown): Manifest {
  const { data: any } = AnyManifest.safeParse(json)
  if (any && any.protocol !== MANIFEST_PROTOCOL)
    throw new GyreError(
      'INVALID_ARGUMENT',
      `protocol: this Gyre reads manifest protocol ${MANIFEST_PROTOCOL}, got ${any.protocol}; use the same version of Gyre on both sides`,
      { field: 'protocol', expected: MANIFEST_PROTOCOL, got: any.protocol },
    )
  const parsed = Manifest.safeParse(json, { error: issueText })
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const field = issue?.path.join('.') ?? ''
    throw new GyreError('INVALID_ARGUMENT', `manifest ${field}: ${issue?.message}`, { field })
  }
  assertConsistent(parsed.data)
  return parsed.data
}

/** Throws INVALID_ARGUMENT naming the first problem, all of them in `details.problems`. */
export function assertConsistent(manifest: Manifest): void {
  const problems = [
    ...doubledNames(manifest),
    ...danglingReferences(manifest),
    ...brokenWiring(manifest),
  ]
  // Whether an input can be served is only meaningful once everything it names is there.
  if (problems.length === 0) problems.push(...unservableInputs(manifest))
  const [first] = problems
  if (first)
    throw new GyreError('INVALID_ARGUMENT', `${first.field}: ${first.message}`, {
      field: first.field,
      problems,
    })
}

function* doubledNames(manifest: Manifest): Generator<Problem> {
  const { datasets, views, transforms, pipelines, endpoints, monitors, triggers } = manifest
  const kinds = { datasets, views, transforms, pipelines, endpoints, monitors, triggers }
  for (const [kind, definitions] of Object.entries(kinds)) {
    const names = new Set<string>()
    for (const { name } of definitions) {
      if (names.has(name)) yield { field: `${kind}.${name}`, message: 'is defined twice' }
      names.add(name)
    }
  }
}

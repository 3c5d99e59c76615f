import type { Run, RunCode } from '@gyre/sdk/wire/run'
import { z } from 'zod'

/** The tags in which a client tells what its run was made from; the first two are MLflow's own. */
const TAGS = {
  commit: 'mlflow.source.git.commit',
  source: 'mlflow.source.name',
  digest: 'gyre.code.digest',
  command: 'gyre.code.command',
  dirty: 'gyre.code.dirty',
  diff: 'gyre.code.diff',
  lockfile: 'gyre.code.lockfile',
  environment: 'gyre.environment',
} as const

type Tags = ReadonlyMap<string, string>

const Words = z.array(z.string())
const Environment = z.record(z.string(), z.string())

/** What the tags of a client's run say of its code; null when they say nothing. */
export function codeOfTags(tags: Tags): RunCode | null {
  const text = (name: keyof typeof TAGS) => tags.get(TAGS[name])
  const source = text('source')
  const told = {
    digest: text('digest'),
    gitCommit: text('commit'),
    dirty: text('dirty') === undefined ? undefined : text('dirty') === 'true',
    diffDigest: text('diff'),
    lockfileDigest: text('lockfile'),
    command: parsed(Words, text('command')) ?? (source === undefined ? undefined : [source]),
  }
  const known = Object.entries(told).filter(([, value]) => value !== undefined)
  return known.length === 0 ? null : Object.fromEntries(known)
}

/** What the tags of a client's run say it ran on. */
export function environmentOfTags(tags: Tags): Run['environment'] {
  return parsed(Environment, tags.get(TAGS.environment)) ?? {}
}

/** The parameter `seed` (or scikit-learn's `random_state`) of a client's run, where it is an integer. */
export function seedOfParams(params: Run['params']): number | null {
  const text = params['seed'] ?? params['random_state']
  const seed = typeof text === 'string' && /^-?\d{1,15}$/.test(text) ? Number(text) : text
  return typeof seed === 'number' && Number.isSafeInteger(seed) ? seed : null
}

/** Undefined for what is not of that shape: a tag may hold anything. */
function parsed<T>(shape: z.ZodType<T>, text: string | undefined): T | undefined {
  if (text === undefined) return undefined
  try {
    return shape.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

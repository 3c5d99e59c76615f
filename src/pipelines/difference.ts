import type { JsonValue } from '@gyre/sdk/wire/ref'
import type { Run, RunChange, RunDifference } from '@gyre/sdk/wire/run'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import { CacheParts } from './cache-key.ts'
import type { RepeatDeps } from './repeat.ts'
import { jsonOf, loadPipelineRow, loadSteps, type StepRow } from './step-store.ts'

/** What a run was made from and made, as text by name. */
export type Facts = Readonly<Record<keyof RunDifference, ReadonlyMap<string, string>>>

/** A repetition beside the run that it repeats. Throws NOT_FOUND; CONFLICT for a run that repeats nothing. */
export async function differenceOf(
  deps: RepeatDeps,
  ctx: Context,
  id: string,
): Promise<RunDifference> {
  const { repeats } = await loadPipelineRow(deps.catalog, ctx.project, id)
  if (repeats === null)
    throw new GyreError(
      'CONFLICT',
      `${id} repeats no other run; gyre reproduce makes one that does`,
      {
        id,
      },
    )
  const [before, now] = await Promise.all([factsOf(deps, ctx, repeats), factsOf(deps, ctx, id)])
  // Steps that a repetition leaves out have nothing to be compared with.
  const compared = [...now].map(([step, facts]) => differences(step, before.get(step), facts))
  return {
    inputs: compared.flatMap(({ inputs }) => inputs),
    code: compared.flatMap(({ code }) => code),
    environment: compared.flatMap(({ environment }) => environment),
    metrics: compared.flatMap(({ metrics }) => metrics),
  }
}

/** Facts by step, those of the run as a whole under null. */
async function factsOf(
  { catalog, runs }: RepeatDeps,
  ctx: Context,
  id: string,
): Promise<ReadonlyMap<string | null, Facts>> {
  const steps = await loadSteps(catalog.read, id)
  const made = await Promise.all(
    steps.map(async (row) => {
      const run = row.run_id === null ? undefined : await runs.find(ctx, row.run_id)
      return [row.step, stepFacts(row, run)] as const
    }),
  )
  return new Map<string | null, Facts>([[null, wholeFacts(await runs.get(ctx, id))], ...made])
}

function wholeFacts({ params, seed, code }: Run): Facts {
  const { command: _command, ...rest } = code ?? {}
  return {
    inputs: flat({ params, seed }),
    code: flat(rest),
    // The server's own: what a step ran on is told by the step.
    environment: new Map(),
    metrics: new Map(),
  }
}

/** A step whose outputs were reused ran when they were made: its run is that one. */
function stepFacts(row: StepRow, run: Run | undefined): Facts {
  const read = (run?.inputs ?? []).filter(
    ({ ref, role }) => !/^(run|artifact):/.test(ref) && role !== 'code' && role !== 'pipeline',
  )
  const parts = row.cache_parts === null ? undefined : CacheParts.parse(JSON.parse(row.cache_parts))
  return {
    inputs: flat({
      ...run?.params,
      seed: run?.seed ?? null,
      ...Object.fromEntries(
        read.map(({ role, ref, digest }) => [`${role} ${nameOf(ref)}`, `${ref} ${digest ?? ''}`]),
      ),
    }),
    // The bundle holds other steps too; what it is to this one is the digest of its own code.
    code: flat({ digest: parts?.code ?? null }),
    environment: flat(run?.environment ?? {}),
    metrics: new Map([
      ['step.state', row.state],
      ...Object.entries(run?.metrics ?? {}).map(
        ([key, value]) => [key, numberText(value)] as const,
      ),
      ...flat({ outputs: jsonOf(row.outputs) }),
    ]),
  }
}

/** `dataset:flights@3` is `dataset:flights`, whichever version it is. */
function nameOf(ref: string): string {
  return ref.replace(/@[^@]*$/, '')
}

/** The leaves of a value by their dotted paths. */
export function flat(
  value: JsonValue | Readonly<Record<string, JsonValue>>,
  path = '',
): Map<string, string> {
  if (typeof value !== 'object' || value === null)
    return new Map([[path, typeof value === 'number' ? numberText(value) : String(value)]])
  return new Map(
    Object.entries(value).flatMap(([key, inner]) => [
      ...flat(inner, path === '' ? key : `${path}.${key}`),
    ]),
  )
}

/** Different doubles give different texts, −0 and 0 too. */
function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

const NOTHING: Facts = {
  inputs: new Map(),
  code: new Map(),
  environment: new Map(),
  metrics: new Map(),
}

export function differences(
  step: string | null,
  before: Facts = NOTHING,
  now: Facts = NOTHING,
): RunDifference {
  const changes = (kind: keyof Facts): RunChange[] =>
    [...new Set([...before[kind].keys(), ...now[kind].keys()])]
      .map((what) => ({
        step,
        what,
        before: before[kind].get(what) ?? null,
        now: now[kind].get(what) ?? null,
      }))
      .filter((change) => change.before !== change.now)
  return {
    inputs: changes('inputs'),
    code: changes('code'),
    environment: changes('environment'),
    metrics: changes('metrics'),
  }
}

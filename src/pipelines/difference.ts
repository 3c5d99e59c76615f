import type { Run, RunDifference } from '@gyre/sdk/wire/run'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import { artifactChanges } from '../tracking/artifact-difference.ts'
import { curveChanges } from '../tracking/curve-difference.ts'
import {
  codeFacts,
  differences,
  flat,
  inputFacts,
  numberText,
  type Facts,
} from '../tracking/facts.ts'
import { CacheParts } from './cache-key.ts'
import type { RepeatDeps } from './repeat.ts'
import { jsonOf, loadPipelineRow, loadSteps, type StepRow } from './step-store.ts'

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
  const compared: RunDifference[] = []
  for (const [step, made] of now)
    compared.push(await differenceIn(deps, step, before.get(step), made))
  return {
    inputs: compared.flatMap(({ inputs }) => inputs),
    code: compared.flatMap(({ code }) => code),
    environment: compared.flatMap(({ environment }) => environment),
    metrics: compared.flatMap(({ metrics }) => metrics),
  }
}

/** What a step, or (null) a pipeline run as a whole, was made from and made. */
interface Made {
  readonly facts: Facts
  /** Undefined for a step that has not begun. */
  readonly run: Run | undefined
}

async function differenceIn(
  { catalog: { read } }: RepeatDeps,
  step: string | null,
  before: Made | undefined,
  { facts, run }: Made,
): Promise<RunDifference> {
  const found = differences(step, before?.facts, facts)
  if (!run || !before?.run) return found
  const curves = await curveChanges(read, step, before.run, run)
  const files = await artifactChanges(read, step, before.run, run)
  return { ...found, metrics: [...found.metrics, ...curves, ...files] }
}

/** By step, the run as a whole under null. */
async function factsOf(
  { catalog, runs }: RepeatDeps,
  ctx: Context,
  id: string,
): Promise<ReadonlyMap<string | null, Made>> {
  const steps = await loadSteps(catalog.read, id)
  const made = await Promise.all(
    steps.map(async (row) => {
      const run = row.run_id === null ? undefined : await runs.find(ctx, row.run_id)
      return [row.step, { facts: stepFacts(row, run), run }] as const
    }),
  )
  const whole = await runs.get(ctx, id)
  return new Map<string | null, Made>([[null, { facts: wholeFacts(whole), run: whole }], ...made])
}

function wholeFacts({ params, seed, code }: Run): Facts {
  return {
    inputs: flat({ params, seed }),
    code: codeFacts(code),
    // The server's own: what a step ran on is told by the step.
    environment: new Map(),
    metrics: new Map(),
  }
}

/** A step whose outputs were reused ran when they were made: its run is that one. */
function stepFacts(row: StepRow, run: Run | undefined): Facts {
  const parts = row.cache_parts === null ? undefined : CacheParts.parse(JSON.parse(row.cache_parts))
  return {
    inputs: new Map([
      ...flat({ ...run?.params, seed: run?.seed ?? null }),
      ...(run ? inputFacts(run) : []),
    ]),
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

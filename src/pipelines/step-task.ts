import type { Manifest } from '@gyre/sdk/wire/manifest'
import type { StepSpec } from '@gyre/sdk/wire/pipeline'
import type { JsonValue } from '@gyre/sdk/wire/ref'
import type { CodeSource, RunRef } from '@gyre/sdk/wire/run'
import type { Context } from '../core/context.ts'
import type { Catalog } from '../store/catalog.ts'
import type { Builtins } from './builtin.ts'
import { cacheKey, cacheParts, type CacheParts } from './cache-key.ts'
import { resolveInputs, upstreamOf } from './graph.ts'
import { seedOf } from './step-seed.ts'
import {
  jsonOf,
  loadStep,
  paramsOf,
  stepSpecOf,
  type PipelineRow,
  type StepRow,
} from './step-store.ts'
import { transformsRead } from './transforms-read.ts'

/** A version of a project's code. */
export interface AppliedCode {
  readonly ref: string
  readonly manifest: Manifest
  readonly bundle: string
  readonly source: CodeSource
}

export interface TaskDeps {
  readonly catalog: Catalog
  readonly builtins: Builtins
  /** The applied project, or the version `ref` of it: its manifest and the bundle that holds its code. */
  readonly code: (ctx: Context, ref?: string) => Promise<AppliedCode>
}

/** One step that may run now, with everything that decides what it makes. */
export interface StepTask {
  readonly pipeline: PipelineRow
  readonly spec: StepSpec
  readonly row: StepRow
  readonly inputs: Readonly<Record<string, JsonValue>>
  readonly seed: number
  /** What it reads besides its inputs. */
  readonly extra: JsonValue
  readonly parts: CacheParts
  /** Null for a step that is never reused. */
  readonly key: string | null
  /** Where its code was when it was applied. */
  readonly source: CodeSource
  /** Runs of the steps whose outputs this one reads, for lineage. */
  readonly upstreamRuns: readonly RunRef[]
}

/** `rows` are all steps of the pipeline run; those that `row` reads from have succeeded. */
export async function taskOf(
  deps: TaskDeps,
  ctx: Context,
  pipeline: PipelineRow,
  row: StepRow,
  rows: readonly StepRow[],
): Promise<StepTask> {
  const spec = stepSpecOf(pipeline, row.step)
  const params = paramsOf(pipeline)
  const outputs = new Map(rows.map((other) => [other.step, jsonOf(other.outputs)]))
  const inputs = resolveInputs(spec, params, (name) => outputs.get(name) ?? null)
  // A seed for each item is not one of the step's.
  const seed = seedOf(spec.inputs['seed']?.kind === 'item' ? {} : inputs, params)
  const { manifest, source } = await deps.code(ctx, pipeline.code_ref)
  // A repetition reads what was read then, whatever has come since.
  const extra =
    pipeline.repeats === null
      ? await extraOf(deps, ctx, { codeRef: pipeline.code_ref, manifest }, spec, inputs)
      : jsonOf((await loadStep(deps.catalog.read, pipeline.repeats, row.step)).extra)
  const parts = cacheParts(spec, inputs, seed, extra)
  const reusable =
    pipeline.repeats === null &&
    (spec.kind === 'module' || spec.kind === 'python' || deps.builtins[spec.kind].cached)
  const key = reusable ? cacheKey(parts) : null
  const upstreamRuns = runsOf(upstreamOf(spec), rows)
  return { pipeline, spec, row, inputs, seed, extra, parts, key, source, upstreamRuns }
}

async function extraOf(
  { builtins }: TaskDeps,
  ctx: Context,
  { codeRef, manifest }: { readonly codeRef: string; readonly manifest: Manifest },
  spec: StepSpec,
  inputs: Readonly<Record<string, JsonValue>>,
): Promise<JsonValue> {
  switch (spec.kind) {
    case 'module':
      return transformsRead(inputs, manifest.transforms)
    case 'python':
      // A script reads rows as they are kept; a trainer computes the inputs from them.
      return spec.trainer ? transformsRead(inputs, manifest.transforms) : null
    case 'training-set':
      return builtins['training-set'].prepare(ctx, { spec, inputs, codeRef })
    case 'gate':
      return builtins.gate.prepare(ctx, { spec, inputs, codeRef })
    case 'register':
      return builtins.register.prepare(ctx, { spec, inputs, codeRef })
  }
}

function runsOf(steps: readonly string[], rows: readonly StepRow[]): RunRef[] {
  return rows.flatMap((row) =>
    row.run_id !== null && steps.includes(row.step)
      ? [{ ref: `run:${row.run_id}`, role: row.step }]
      : [],
  )
}

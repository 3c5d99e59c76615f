import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { StepSpec } from '@gyre/sdk/wire/pipeline'
import { DigestText, type JsonValue } from '@gyre/sdk/wire/ref'
import type { StepWork } from '@gyre/sdk/wire/step'
import { environmentVariable } from '../core/config.ts'
import { durationMs } from '../core/duration.ts'
import { runPythonStep, type PythonStepDeps, type PythonWork } from '../train/python-step.ts'
import type { StepFiles } from '../train/step-files.ts'
import { resultOf } from '../train/step-result.ts'
import { mayGoOn } from './may-go-on.ts'
import type { Assignment, Workplace } from './perform.ts'
import { variable } from './variable.ts'

/** What a script gets between SIGTERM and SIGKILL where its step says nothing of it. */
export const GRACE_MS = 5_000

/** Runs the script of a step in Python. */
export async function performScript(
  { work, files, metrics, tell, commit, ...place }: Assignment,
  spec: Extract<StepSpec, { kind: 'python' }>,
): Promise<JsonValue> {
  const folder = join(place.folder, 'python')
  await mkdir(folder)
  const deps: PythonStepDeps = {
    ...scriptDeps(place, work, files),
    folder,
    tell,
    commit,
    graceMs: spec.resume ? durationMs(spec.resume.grace, 'grace') : GRACE_MS,
    async log(points) {
      for (const { key, value, step } of points) metrics.add(key, value, step)
      await metrics.flush()
    },
  }
  const run = () => runScript(deps, { ...work, spec }, work, place)
  return resultOf(spec.name, await mayGoOn(spec, place.signal, run))
}

/** Runs a script to its end; what a trainer has learned becomes a model. */
export async function runScript(
  deps: PythonStepDeps,
  work: PythonWork,
  { bundle, transforms }: StepWork,
  { folder, openModel }: Workplace,
): Promise<JsonValue> {
  const { trainer } = work.spec
  if (!trainer) return runPythonStep(deps, work)
  const [{ trainWithLibrary }, { bundleOf, createStepRows }, { stepAnalytics }] = await Promise.all(
    [
      import('../train/library-trainer.ts'),
      import('../train/step-rows.ts'),
      import('./step-analytics.ts'),
    ],
  )
  const analytics = stepAnalytics(folder)
  try {
    const training = {
      ...deps,
      rows: createStepRows({ files: deps.files, analytics }),
      bundle: bundleOf(DigestText.parse(bundle), transforms),
      openModel,
    }
    return await trainWithLibrary(training, work, trainer)
  } finally {
    await analytics.close()
  }
}

/** What every script of a step finds, whichever item it is for. */
export function scriptDeps(
  { station: { client }, folder, signal, start }: Workplace,
  work: StepWork,
  files: StepFiles,
) {
  return {
    files,
    signal,
    start,
    arrow: async (parquet: string) =>
      (await import('./step-analytics.ts')).toArrow(folder, parquet),
    environments: variable('GYRE_PYTHON_ENVIRONMENTS'),
    // What MLflow's client looks for; the pass lets it log to this run alone.
    variables: {
      MLFLOW_TRACKING_URI: client.url,
      MLFLOW_TRACKING_TOKEN: variable('GYRE_PASS'),
      MLFLOW_RUN_ID: work.runId,
      MLFLOW_EXPERIMENT_ID: work.experiment ?? '0',
      ...devices(),
    },
  }
}

/** Those that are this step's alone, for programs that look for some. */
function devices(): Readonly<Record<string, string>> {
  const CUDA_VISIBLE_DEVICES = environmentVariable('CUDA_VISIBLE_DEVICES')
  return CUDA_VISIBLE_DEVICES === undefined ? {} : { CUDA_VISIBLE_DEVICES }
}

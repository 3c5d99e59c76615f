import type {
  ImportedExperiment,
  ImportedFile,
  ImportedLoggedModel,
  ImportedRun,
  ImportExperiment,
  ImportFiles,
  ImportLoggedModel,
  ImportOutcome,
  ImportPoints,
  ImportRun,
} from '@gyre/sdk/wire/import'
import type { Context } from '../core/context.ts'
import type { Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import { DEFAULT, type Experiments } from './experiments.ts'
import { importExperiment } from './import-experiment.ts'
import { importFile, type ImportFileDeps } from './import-file.ts'
import { importLoggedModel } from './import-logged-model.ts'
import { refusalOf } from '../core/import-outcome.ts'
import { importPoints } from './import-points.ts'
import { importRun } from './import-run.ts'

/**
 * What another tracker kept, under the names and ids it has had there. Each thing is a unit of its own: one that is
 * refused leaves the others alone, and what is here already is not added again. Outcomes are in the order of what
 * was given.
 */
export interface Imports {
  experiments(ctx: Context, experiments: readonly ImportExperiment[]): Promise<ImportedExperiment[]>
  runs(ctx: Context, runs: readonly ImportRun[]): Promise<ImportedRun[]>
  points(ctx: Context, series: readonly ImportPoints[]): Promise<ImportOutcome[]>
  files(ctx: Context, files: ImportFiles): Promise<ImportedFile[]>
  loggedModels(ctx: Context, models: readonly ImportLoggedModel[]): Promise<ImportedLoggedModel[]>
}

export interface ImportsDeps extends ImportFileDeps {
  readonly events: Events
  readonly experiments: Pick<Experiments, 'get'>
}

export function createImports(deps: ImportsDeps): Imports {
  const { catalog, experiments } = deps

  /** Units that meet share a commit. */
  function each<Given, Gone, Refused>(
    given: readonly Given[],
    work: (tx: Tx, one: Given) => Promise<Gone>,
    refused: (outcome: ImportOutcome) => Refused,
  ): Promise<(Gone | Refused)[]> {
    return Promise.all(
      given.map((one) =>
        catalog.write((tx) => work(tx, one)).catch((thrown: unknown) => refused(refusalOf(thrown))),
      ),
    )
  }

  return {
    async experiments(ctx, given) {
      // Every project has its `Default` from the first question on.
      await experiments.get(ctx, DEFAULT.number)
      return each(
        given,
        (tx, one) => importExperiment(deps, tx, ctx, one),
        (outcome) => ({ outcome, number: null, tags: [] }),
      )
    },

    runs: (ctx, given) =>
      each(
        given,
        (tx, one) => importRun(deps, tx, ctx, one),
        (outcome) => ({ outcome, params: [], tags: [], datasets: [], models: [], series: [] }),
      ),

    points: (ctx, given) =>
      each(
        given,
        (tx, one) => importPoints(tx, ctx, one),
        (outcome) => outcome,
      ),

    files: (ctx, { root, files }) =>
      Promise.all(
        files.map((file) =>
          importFile(deps, ctx, root, file).catch((thrown: unknown) => ({
            outcome: refusalOf(thrown),
            here: null,
          })),
        ),
      ),

    loggedModels: (ctx, given) =>
      each(
        given,
        (tx, one) => importLoggedModel(deps, tx, ctx, one),
        (outcome) => ({ outcome, params: [], tags: [], metrics: [] }),
      ),
  }
}

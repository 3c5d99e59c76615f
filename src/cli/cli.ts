import { Command } from 'commander'
import type { Config } from '../core/config.ts'
import type { AddCommand, StartedServer } from './command.ts'
import { explain, usageError } from './explain.ts'
import { VERSION } from '../core/package.ts'

type Load = () => Promise<AddCommand>

const batching: Load = async () => (await import('./commands/batch.ts')).addBatch
const releasing: Load = async () => (await import('./commands/release.ts')).addRelease

/** Commands by the name they are called by, in the order of the help; each is loaded when it is asked for. */
const COMMANDS = new Map<string, Load>(
  Object.entries({
    up: async () => (await import('./commands/up.ts')).addUp,
    serve: async () => (await import('./commands/serve.ts')).addServe,
    demo: async () => (await import('./commands/demo.ts')).addDemo,
    init: async () => (await import('./commands/init.ts')).addInit,
    apply: async () => (await import('./commands/apply.ts')).addApply,
    import: async () => (await import('./commands/import.ts')).addImport,
    data: async () => (await import('./commands/data.ts')).addData,
    ci: async () => (await import('./commands/ci.ts')).addCi,
    features: async () => (await import('./commands/features.ts')).addFeatures,
    pipeline: async () => (await import('./commands/pipeline.ts')).addPipeline,
    experiments: async () => (await import('./commands/experiments.ts')).addExperiments,
    run: async () => (await import('./commands/run.ts')).addRun,
    runs: async () => (await import('./commands/runs.ts')).addRuns,
    reproduce: async () => (await import('./commands/reproduce.ts')).addReproduce,
    tune: async () => (await import('./commands/tune.ts')).addTune,
    studies: async () => (await import('./commands/studies.ts')).addStudies,
    why: async () => (await import('./commands/why.ts')).addWhy,
    model: async () => (await import('./commands/model.ts')).addModel,
    release: releasing,
    releases: releasing,
    promote: releasing,
    rollback: releasing,
    batch: batching,
    batches: batching,
    predictions: async () => (await import('./commands/predictions.ts')).addPredictions,
    lineage: async () => (await import('./commands/lineage.ts')).addLineage,
    key: async () => (await import('./commands/key.ts')).addKey,
    backup: async () => (await import('./commands/backup.ts')).addBackup,
    restore: async () => (await import('./commands/restore.ts')).addRestore,
    gc: async () => (await import('./commands/gc.ts')).addGc,
  }),
)

/** Runs one command; resolves with the exit code. Failures are one line on stderr: cause and remedy. */
export async function runCli(
  argv: readonly string[],
  startServer: (config: Config) => Promise<StartedServer>,
): Promise<number> {
  let exitCode = 0
  const program = new Command('gyre')
    .description('The whole loop of production machine learning, in one program')
    .version(VERSION)
    .exitOverride()
    // An option is of the command it stands behind.
    .enablePositionalOptions()
    .configureOutput({ outputError: (text, write) => write(usageError(text)) })
  const deps = {
    startServer,
    exit: (code: number) => {
      exitCode = code
    },
  }
  for (const add of await commandsFor(argv[2])) add(program, deps)
  try {
    await program.parseAsync([...argv])
    return exitCode
  } catch (thrown) {
    return explain(thrown)
  }
}

/** The command of this name alone: what the others import takes longer than most of them do. Else all of them. */
function commandsFor(name: string | undefined): Promise<readonly AddCommand[]> {
  const asked = COMMANDS.get(name ?? '')
  const loads = asked ? [asked] : new Set(COMMANDS.values())
  return Promise.all([...loads].map((load) => load()))
}

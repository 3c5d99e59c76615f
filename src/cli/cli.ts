import { Command } from 'commander'
import type { Config } from '../core/config.ts'
import type { StartedServer } from './command.ts'
import { addApply } from './commands/apply.ts'
import { addBackup } from './commands/backup.ts'
import { addCi } from './commands/ci.ts'
import { addData } from './commands/data.ts'
import { addDemo } from './commands/demo.ts'
import { addExperiments } from './commands/experiments.ts'
import { addFeatures } from './commands/features.ts'
import { addGc } from './commands/gc.ts'
import { addImport } from './commands/import.ts'
import { addInit } from './commands/init.ts'
import { addKey } from './commands/key.ts'
import { addLineage } from './commands/lineage.ts'
import { addModel } from './commands/model.ts'
import { addPipeline } from './commands/pipeline.ts'
import { addPredictions } from './commands/predictions.ts'
import { addRelease } from './commands/release.ts'
import { addRestore } from './commands/restore.ts'
import { addReproduce } from './commands/reproduce.ts'
import { addRun } from './commands/run.ts'
import { addRuns } from './commands/runs.ts'
import { addStudies } from './commands/studies.ts'
import { addTune } from './commands/tune.ts'
import { addUp } from './commands/up.ts'
import { addWhy } from './commands/why.ts'
import { explain, usageError } from './explain.ts'
import { VERSION } from '../core/package.ts'

const COMMANDS = [
  addUp,
  addDemo,
  addInit,
  addApply,
  addImport,
  addData,
  addCi,
  addFeatures,
  addPipeline,
  addExperiments,
  addRun,
  addRuns,
  addReproduce,
  addTune,
  addStudies,
  addWhy,
  addModel,
  addRelease,
  addPredictions,
  addLineage,
  addKey,
  addBackup,
  addRestore,
  addGc,
]

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
  for (const add of COMMANDS) add(program, deps)
  try {
    await program.parseAsync([...argv])
    return exitCode
  } catch (thrown) {
    return explain(thrown)
  }
}

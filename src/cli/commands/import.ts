import { stat, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { z } from 'zod'
import { errnoOf, GyreError } from '../../core/errors.ts'
import { withClient, withServer, type AddCommand, type CliDeps } from '../command.ts'
import { deliver, survey } from '../import/deliver.ts'
import { openMlflowDatabase } from '../import/mlflow-database.ts'
import { openFileStore } from '../import/mlflow-files.ts'
import type { Source } from '../import/source.ts'
import { createTally, printReport, type Tally } from '../import/tally.ts'
import { openWandb } from '../import/wandb.ts'

const Options = z.object({
  artifacts: z.array(z.string()).default([]),
  followLinks: z.boolean().default(false),
  dryRun: z.boolean().default(false),
  json: z.exactOptional(z.string()),
})
type Options = z.output<typeof Options>

type Open = (tally: Tally, path: string, options: Options) => Promise<Source>

/** `gyre import mlflow|wandb PATH` */
export const addImport: AddCommand = (program, deps) => {
  const command = program
    .command('import')
    .description('what another tracker kept, under the ids that it has; what is there stays')
  addTracker(command.command('mlflow'), deps, openMlflow).description(
    'a folder mlruns, or an SQLite database of MLflow',
  )
  addTracker(command.command('wandb'), deps, openRuns)
    .description('a folder of W&B runs, or one of them')
    .option('--follow-links', 'follow links that lead out of the folder of a run')
}

function addTracker(command: Command, deps: CliDeps, open: Open): Command {
  return withServer(command)
    .argument('<path>')
    .option('--artifacts <folder...>', 'where else the files of artifacts lie')
    .option('--dry-run', 'read and count, send nothing')
    .option('--json <file>', 'write all counts and refusals there')
    .action((path: string, options: unknown) => importAll(deps, open, path, options))
}

async function importAll(
  { exit }: CliDeps,
  open: Open,
  path: string,
  given: unknown,
): Promise<void> {
  const options = Options.parse(given)
  const tally = createTally()
  const source = await open(tally, path, options)
  try {
    if (options.dryRun) await survey(tally, source)
    else
      await withClient(given, (client) =>
        deliver(client, tally, source).catch((thrown: unknown) => cutOff(tally, thrown)),
      )
  } finally {
    source.close()
  }
  const report = tally.report()
  if (options.json !== undefined) await writeFile(options.json, JSON.stringify(report, null, 2))
  console.log(printReport(report))
  if (options.dryRun) console.log('nothing was sent')
  if (report.refused > 0) exit(1)
}

function cutOff(tally: Tally, thrown: unknown): never {
  const { counts } = tally.report()
  if (Object.values(counts).some(({ imported }) => imported > 0))
    console.error('gyre: the import was cut off; run it again, and it goes on where it was')
  throw thrown
}

async function openMlflow(tally: Tally, given: string, { artifacts }: Options): Promise<Source> {
  const path = localPath(given)
  return (await isFolder(path))
    ? openFileStore(tally, path, artifacts)
    : openMlflowDatabase(tally, path, artifacts)
}

/** Of what MLflow calls a tracking URI, or of a path as it is. Throws INVALID_ARGUMENT for what is elsewhere. */
function localPath(given: string): string {
  if (given.startsWith('file://')) return fileURLToPath(given)
  const path = given.replace(/^sqlite:\/\/\//, '')
  if (!/^[a-z0-9+]+:\/\//i.test(path)) return path
  throw new GyreError('INVALID_ARGUMENT', `${given}: expected a folder or an SQLite database`, {
    path: given,
  })
}

/** Throws INVALID_ARGUMENT where there is nothing. */
async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (cause) {
    if (errnoOf(cause) !== 'ENOENT') throw cause
    throw new GyreError('INVALID_ARGUMENT', `${path}: no such file or folder`, { path }, cause)
  }
}

async function openRuns(
  tally: Tally,
  path: string,
  { artifacts, followLinks }: Options,
): Promise<Source> {
  await isFolder(path)
  return openWandb(tally, path, { copies: artifacts, followLinks })
}

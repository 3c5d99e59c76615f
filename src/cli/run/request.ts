import { Command, Option } from 'commander'
import { z } from 'zod'
import { GyreError } from '../../core/errors.ts'
import { readPair } from '../pair.ts'

/** The tag that says in which folder a request was made. */
export const FOLDER_TAG = 'gyre.run.folder'

/** What somebody wants to have executed: the same request in the same folder is the same run again. */
export interface RunRequest {
  /** A script, a notebook, or a folder with an MLproject file, as it was given. */
  readonly target: string
  /** From where files are looked for. */
  readonly folder: string
  readonly entry: string | undefined
  readonly params: ReadonlyMap<string, string>
  /** What it reads, by name: a path, or `dataset:NAME[@VERSION]`. */
  readonly inputs: ReadonlyMap<string, string>
  /** Further words for a script. */
  readonly args: readonly string[]
  /** A file of pinned packages. */
  readonly requirements: string | undefined
  readonly seed: number | undefined
  readonly threads: number | undefined
  /** Whose Python: that of the request or the project, or in any case the caller's. */
  readonly envManager: 'virtualenv' | 'local'
}

const Options = z.object({
  entry: z.exactOptional(z.string()),
  param: z.array(z.string()).default([]),
  input: z.array(z.string()).default([]),
  requirements: z.exactOptional(z.string()),
  seed: z.exactOptional(z.coerce.number().int()),
  threads: z.exactOptional(z.coerce.number().int().min(1).max(1024)),
  envManager: z.enum(['virtualenv', 'local']).default('virtualenv'),
})

/** Target, options and further words of `gyre run`: those that decide what is executed. */
export function withRequest(command: Command): Command {
  return command
    .argument('[target]', 'a script, a notebook, or a folder with an MLproject file')
    .argument('[args...]', 'further words for a script, after --')
    .option('-e, --entry <name>', 'the entry point of an MLproject; main unless told')
    .addOption(
      new Option('-P, --param <name=value>', 'a parameter; may be given several times').argParser(
        collect,
      ),
    )
    .addOption(
      new Option(
        '--input <name=what>',
        'a file, or dataset:NAME[@VERSION], that it reads; may be given several times',
      ).argParser(collect),
    )
    .option('--requirements <file>', 'pinned packages: a virtual environment is made of them')
    .option('--seed <n>', "the script's GYRE_SEED; the parameter seed, or 0, unless told")
    .option('--threads <n>', 'OMP_NUM_THREADS and its kin; all cores unless told')
    .option('--env-manager <name>', "virtualenv, or local: the caller's own Python")
}

function collect(text: string, before: string[] | undefined): string[] {
  return [...(before ?? []), text]
}

/** Throws INVALID_ARGUMENT naming the option. */
export function readRequest(
  folder: string,
  target: string | undefined,
  args: readonly string[],
  given: unknown,
): RunRequest {
  if (!target)
    throw new GyreError(
      'INVALID_ARGUMENT',
      'target: expected a script, a notebook or a folder, or --resume RUN',
      { field: 'target' },
    )
  const { param, input, entry, requirements, ...rest } = Options.parse(given)
  const [params, inputs] = [pairsOf('param', param), pairsOf('input', input)]
  const { seed, threads, envManager } = rest
  for (const name of inputs.keys())
    if (!/^[A-Za-z_][\w-]*$/.test(name))
      throw new GyreError('INVALID_ARGUMENT', `--input: expected a plain name, got ${name}`, {
        field: 'input',
      })
  return { target, folder, entry, params, inputs, args, requirements, seed, threads, envManager }
}

function pairsOf(field: string, texts: readonly string[]): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>()
  for (const [name, value] of texts.map(readPair)) {
    if (pairs.has(name))
      throw new GyreError('INVALID_ARGUMENT', `--${field}: ${name} is there twice`, { field })
    pairs.set(name, value)
  }
  return pairs
}

/** What would start the same run by hand; `requestOf` reads it back. */
export function wordsOf(request: RunRequest): string[] {
  const { target, entry, params, inputs, args, requirements, seed, threads, envManager } = request
  return [
    'gyre',
    'run',
    target,
    ...option('--entry', entry),
    ...[...params].flatMap(([name, value]) => ['--param', `${name}=${value}`]),
    ...[...inputs].flatMap(([name, what]) => ['--input', `${name}=${what}`]),
    ...option('--requirements', requirements),
    ...option('--seed', seed),
    ...option('--threads', threads),
    ...(envManager === 'local' ? ['--env-manager', 'local'] : []),
    ...(args.length === 0 ? [] : ['--', ...args]),
  ]
}

function option(name: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [name, String(value)]
}

/** Undefined for words that `wordsOf` has not written. */
export function requestOf(words: readonly string[], folder: string): RunRequest | undefined {
  const [program, verb, ...rest] = words
  if (program !== 'gyre' || verb !== 'run') return undefined
  const command = withRequest(new Command('run')).exitOverride().configureOutput(SILENT)
  command.parse(rest, { from: 'user' })
  const [target, ...args] = command.args
  return readRequest(folder, target, args, command.opts())
}

const SILENT = { writeErr: () => {}, writeOut: () => {} }

import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Command } from 'commander'
import { z } from 'zod'
import { environmentVariable } from '../../core/config.ts'
import { errnoOf, GyreError } from '../../core/errors.ts'
import { readPair } from '../pair.ts'
import { table } from '../table.ts'
import type { CliDeps } from '../command.ts'
import { repositoryOf } from './repository.ts'
import { runWorkflow, whyNotStarted } from './workflow/run-workflow.ts'
import { readWorkflow } from './workflow/workflow.ts'

const Options = z.object({
  workflow: z.string(),
  branch: z.exactOptional(z.string()),
  since: z.exactOptional(z.string()),
  var: z.array(z.string()).default([]),
  secret: z.array(z.string()).default([]),
  json: z.boolean().default(false),
})

/** `gyre ci run` */
export function addCiRun(ci: Command, { exit }: CliDeps): void {
  ci.command('run')
    .description(
      'run the jobs of a GitHub workflow on this machine, as a push of the last commit would',
    )
    .argument('[folder]', 'a folder of the repository', '.')
    .option('--workflow <file>', 'from the root of the repository', '.github/workflows/gyre.yml')
    .option('--branch <name>', 'as if pushed to it; the present one unless told')
    .option('--since <commit>', 'what counts as changed; since the last push, else all files')
    .option('--var <name=value...>', 'a variable of the repository on GitHub')
    .option('--secret <name...>', 'a secret, from the environment variable of the same name')
    .option('--json', 'the results as JSON, and nothing else on stdout')
    .action(async (folder: string, given: unknown) => {
      const options = Options.parse(given)
      const { root } = await repositoryOf(resolve(folder))
      const path = join(root, options.workflow)
      const workflow = readWorkflow(await textOf(path), options.workflow)
      const git = gitIn(root)
      const pushed = {
        root,
        commit: await git('rev-parse', 'HEAD'),
        branch: options.branch ?? (await git('rev-parse', '--abbrev-ref', 'HEAD')),
        changed: await changedPaths(git, options.since),
        vars: Object.fromEntries(options.var.map(readPair)),
        secrets: Object.fromEntries(options.secret.map((name) => [name, secretOf(name)])),
      }
      const reason = whyNotStarted(workflow, pushed)
      const jobs = reason === undefined ? await runWorkflow(workflow, pushed, console.error) : []
      if (options.json)
        console.log(JSON.stringify({ started: reason === undefined, jobs }, null, 2))
      else if (reason !== undefined) console.log(`nothing is run: ${reason}`)
      else
        console.log(
          table(
            ['job', 'result', 'why'],
            jobs.map((one) => [one.job, one.result, one.reason]),
          ),
        )
      if (jobs.some(({ result }) => result === 'failed')) exit(1)
    })
}

type Git = (...args: readonly string[]) => Promise<string>

function gitIn(root: string): Git {
  return async (...args) => {
    try {
      return (await promisify(execFile)('git', [...args], { cwd: root })).stdout.trim()
    } catch (thrown) {
      throw new GyreError('INVALID_ARGUMENT', `git ${args.join(' ')} failed`, { args }, thrown)
    }
  }
}

/** A branch that was never pushed changes all of its files. */
async function changedPaths(git: Git, since: string | undefined): Promise<readonly string[]> {
  const from = since ?? (await git('rev-parse', '@{upstream}').catch(() => undefined))
  const listed = await (from === undefined
    ? git('ls-files', '-z')
    : git('diff', '--name-only', '-z', `${from}...HEAD`))
  return listed.split('\0').filter((path) => path !== '')
}

function secretOf(name: string): string {
  const value = environmentVariable(name)
  if (value !== undefined) return value
  throw new GyreError('INVALID_ARGUMENT', `--secret ${name}: there is no variable ${name}`, {
    field: 'secret',
  })
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (thrown) {
    if (errnoOf(thrown) !== 'ENOENT') throw thrown
    throw new GyreError('INVALID_ARGUMENT', `there is no ${path}: gyre ci init github writes one`, {
      field: 'workflow',
    })
  }
}

import { existsSync } from 'node:fs'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Manifest } from '@gyre/sdk/wire/manifest'
import type { Command } from 'commander'
import { z } from 'zod'
import { errnoOf, GyreError } from '../../core/errors.ts'
import { PACKAGE_ROOT } from '../../core/package.ts'
import { prepareProject } from '../prepare-project.ts'
import { githubWorkflow } from './github-workflow.ts'
import { HOOKS, hookText, MARK, type Hook } from './hook.ts'
import { repositoryOf } from './repository.ts'

const WorkflowOptions = z.object({
  gyre: z.string().default('npx gyre'),
  endpoint: z.exactOptional(z.string()),
  staging: z.exactOptional(z.string()),
  force: z.boolean().default(false),
})

const HookOptions = z.object({
  on: z.enum(HOOKS).default('pre-push'),
  gyre: z.exactOptional(z.string()),
  force: z.boolean().default(false),
})

/** `gyre ci init github|hook` */
export function addCiInit(ci: Command): void {
  const init = ci.command('init').description('bring the gates to where changes come in')

  init
    .command('github')
    .description('write .github/workflows/gyre.yml for the project')
    .argument('[folder]', 'where gyre.config.ts is', '.')
    .option('--endpoint <name>', 'what production asks; the only endpoint unless told')
    .option('--staging <name>', 'what is released and asked first; ENDPOINT-staging unless told')
    .option('--gyre <command>', 'how Gyre is started there', 'npx gyre')
    .option('--force', 'write over a file that is there')
    .action(async (folder: string, given: unknown) => {
      const options = WorkflowOptions.parse(given)
      const { root, inside } = await repositoryOf(resolve(folder))
      const { manifest } = (await prepareProject(folder, new Map())).request
      const endpoint = options.endpoint ?? onlyEndpoint(manifest)
      const staging = options.staging ?? stagingOf(endpoint)
      const text = githubWorkflow({ inside, gyre: options.gyre, endpoint, staging })
      const path = join(root, '.github', 'workflows', 'gyre.yml')
      await writeNew(path, text, options.force)
      console.log(`wrote ${path}`)
      for (const line of missing(manifest, [endpoint, staging], [resolve(folder), root]))
        console.log(line)
    })

  init
    .command('hook')
    .description('write a git hook that blocks a change which gyre ci refuses')
    .argument('[folder]', 'where gyre.config.ts is', '.')
    .argument('[options...]', 'options of gyre ci, after --')
    .option('--on <moment>', `when git asks: ${HOOKS.join(' or ')}`, 'pre-push')
    .option('--gyre <command>', 'how Gyre is started; as now unless told')
    .option('--force', 'write over a hook of somebody else')
    .action(async (folder: string, ciOptions: readonly string[], given: unknown) => {
      const options = HookOptions.parse(given)
      await writeHook(resolve(folder), options.on, ciOptions, options)
    })
}

async function writeHook(
  folder: string,
  hook: Hook,
  options: readonly string[],
  { gyre, force }: z.infer<typeof HookOptions>,
): Promise<void> {
  const { inside, hooks } = await repositoryOf(folder)
  const command = gyre?.split(' ') ?? [process.execPath, join(PACKAGE_ROOT, 'bin', 'gyre.js')]
  const path = join(hooks, hook)
  const isOurs = (await textOf(path))?.includes(MARK) ?? false
  await writeNew(path, hookText(hook, { inside, command, options }), force || isOurs)
  await chmod(path, 0o755)
  console.log(`wrote ${path}: it runs gyre ci at each ${hook === 'pre-push' ? 'push' : 'commit'}`)
  if (!options.some((option) => option === '--url' || option.startsWith('--url=')))
    console.log(
      'it asks a server of its own, which has no champion: comparisons with one pass; to compare, put -- --url URL behind',
    )
}

async function writeNew(path: string, text: string, force: boolean): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  try {
    await writeFile(path, text, { flag: force ? 'w' : 'wx' })
  } catch (thrown) {
    if (errnoOf(thrown) !== 'EEXIST') throw thrown
    throw new GyreError('ALREADY_EXISTS', `${path} is there already; --force writes over it`, {
      path,
    })
  }
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return undefined
    throw thrown
  }
}

/** The one endpoint that is not another's staging. */
function onlyEndpoint({ endpoints }: Manifest): string {
  const names = endpoints.map(({ name }) => name)
  const [first, ...others] = names.filter(
    (name) => !names.some((other) => name === stagingOf(other)),
  )
  if (first !== undefined && others.length === 0) return first
  const known = names.join(', ') || 'none'
  throw new GyreError('INVALID_ARGUMENT', `--endpoint: expected one of ${known}`, {
    field: 'endpoint',
  })
}

function stagingOf(endpoint: string): string {
  return `${endpoint}-staging`
}

/** What the workflow needs and the project has not. */
function missing(
  { endpoints }: Manifest,
  wanted: readonly string[],
  [folder, root]: readonly [string, string],
): readonly string[] {
  const known = endpoints.map(({ name }) => name)
  const undeclared = wanted.filter((name) => !known.includes(name))
  return [
    ...undeclared.map((name) => `still to do: declare endpoint('${name}', …) in gyre.config.ts`),
    ...(existsSync(join(folder, 'smoke', 'request.json'))
      ? []
      : ['still to do: put a request into smoke/request.json, which the smoke test sends']),
    ...([folder, root].some((place) => existsSync(join(place, 'package-lock.json')))
      ? []
      : ['still to do: commit package-lock.json, or every job installs what is newest that day']),
    'still to do: the variable GYRE_URL and the secret GYRE_KEY of the repository',
  ]
}

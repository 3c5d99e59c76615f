import { rmSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { connect, RequestError, type GyreClient } from '@gyre/sdk/client'
import { ApplyReply, type Manifest } from '@gyre/sdk/wire/manifest'
import { z } from 'zod'
import { environmentVariable, readConfig } from '../../core/config.ts'
import { GyreError } from '../../core/errors.ts'
import { runCodeGate } from '../ci/code-gate.ts'
import { importGate, knownGate } from '../ci/data-gate.ts'
import { modelGates, modelsOf, type Asked } from '../ci/model-gate.ts'
import { refusedGate, reportOf, type CiGate, type CiReport, type Family } from '../ci/report.ts'
import { assertWritable } from '../ci/report-file.ts'
import { reportJunit } from '../ci/report-junit.ts'
import { reportMarkdown } from '../ci/report-markdown.ts'
import { reportText } from '../ci/report-text.ts'
import { train, trainingPipelines } from '../ci/training.ts'
import { addCiInit } from '../ci/init.ts'
import { addCiRun } from '../ci/run.ts'
import { withClient, withServer, type AddCommand, type CliDeps } from '../command.ts'
import { readPair, readParam } from '../pair.ts'
import { untilStopped } from '../until-stopped.ts'
import { prepareProject, type PreparedProject } from '../prepare-project.ts'

const FAMILIES = ['code', 'data', 'model'] as const

const Options = z.object({
  url: z.exactOptional(z.string()),
  key: z.exactOptional(z.string()),
  json: z.exactOptional(z.string()),
  junit: z.exactOptional(z.string()),
  markdown: z.exactOptional(z.string()),
  test: z.exactOptional(z.string()),
  testJunit: z.exactOptional(z.string()),
  only: z.array(z.enum(FAMILIES)).default([...FAMILIES]),
  train: z.boolean().default(false),
  reportOnly: z.boolean().default(false),
  pipeline: z.exactOptional(z.array(z.string())),
  param: z.array(z.string()).default([]),
  model: z.exactOptional(z.array(z.string())),
  set: z.array(z.string()).default([]),
})
type Options = z.infer<typeof Options>

/** `gyre ci [FOLDER]` */
export const addCi: AddCommand = (program, deps) => {
  const ci = withServer(program.command('ci'))
    .description('run the code, data and model gates of a project; ends with 1 when one refuses')
    .argument('[folder]', 'where gyre.config.ts is', '.')
    .option('--json <file>', 'write the report as JSON')
    .option('--junit <file>', 'write it as JUnit')
    .option('--markdown <file>', 'write it as Markdown')
    .option('--test <command>', 'the tests of the code; npm test where the package has them')
    .option('--test-junit <file>', 'the JUnit report that they write')
    .option('--only <families...>', `these gates alone, of ${FAMILIES.join(', ')}`)
    .option('--train', 'on a server that is named: apply, import and train there first')
    .option('--report-only', 'end with 0 once a version was judged, whatever the gates say')
    .option('--pipeline <name...>', 'train by these pipelines alone')
    .option('--param <name=value...>', 'a parameter of the pipelines; JSON or plain text')
    .option('--model <versions...>', 'look at these alone: NAME@VERSION, or NAME for its newest')
    .option('--set <name=value...>', "a value for one of the project's settings")
    .action(async (folder: string, given: unknown) => {
      const options = Options.parse(given)
      const { json, junit, markdown, reportOnly } = options
      for (const [option, path] of Object.entries({ json, junit, markdown }))
        if (path) await assertWritable(option, path)
      const report = await runCi(resolve(folder), options, deps)
      if (json) await writeFile(json, `${JSON.stringify(report, undefined, 2)}\n`)
      if (junit) await writeFile(junit, reportJunit(report))
      if (markdown) await writeFile(markdown, reportMarkdown(report))
      console.log(reportText(report))
      const isWanted = reportOnly && report.models.length > 0
      if (!report.passed && !isWanted) deps.exit(1)
    })
  ci.enablePositionalOptions()
  addCiInit(ci)
  addCiRun(ci, deps)
}

async function runCi(folder: string, options: Options, deps: CliDeps): Promise<CiReport> {
  const url = options.url ?? environmentVariable('GYRE_URL')
  const asked = options.model?.map(readAsked)
  const params = new Map(options.param.map(readParam))
  const settings = new Map(options.set.map(readPair))
  const { test: command, testJunit: junit } = options
  const project = await prepareProject(folder, settings).catch(asRefusal)
  const isAsked = (family: Family): boolean => options.only.includes(family)
  const code = isAsked('code') ? [await runCodeGate({ folder, command, junit })] : []
  if (project instanceof GyreError)
    return reportOf(folder, url ?? null, [refusedGate('code', 'project', project.message), ...code])
  const { manifest } = project.request
  assertPipelines(manifest, options.pipeline)
  const gates = (client: GyreClient, isOwn: boolean) =>
    serverGates(client, { folder, project, isOwn, options, params, asked })
  if (!isAsked('data') && !isAsked('model')) return reportOf(manifest.name, url ?? null, code)
  const found =
    url === undefined
      ? await withOwnServer(deps, (client) => gates(client, true))
      : await withClient(options, (client) => gates(client, false))
  return reportOf(manifest.name, url ?? null, [...code, ...found])
}

/** A project that cannot be read is a bad change; a folder that holds none is a wrong command. */
function asRefusal(thrown: unknown): GyreError {
  if (!(thrown instanceof GyreError)) throw thrown
  if (thrown.code !== 'NOT_FOUND') return thrown
  throw new GyreError('INVALID_ARGUMENT', thrown.message, thrown.details, thrown)
}

interface Work {
  readonly folder: string
  readonly project: PreparedProject
  /** Whether the server is this run's own: the project is applied and trained there. */
  readonly isOwn: boolean
  readonly options: Options
  readonly params: ReadonlyMap<string, unknown>
  readonly asked: readonly Asked[] | undefined
}

async function serverGates(client: GyreClient, work: Work): Promise<readonly CiGate[]> {
  const { folder, project, isOwn, options, params, asked } = work
  const trains = isOwn || options.train
  const { manifest } = project.request
  if (trains) {
    const refused = await apply(client, project)
    if (refused !== undefined) return [refusedGate('code', 'project', refused)]
  }
  const data: CiGate[] = []
  // A server of one's own has no data but what is imported now.
  if (options.only.includes('data') || isOwn)
    for (const spec of manifest.datasets)
      data.push(await (trains ? importGate : knownGate)(client, folder, spec))
  const isDataGood = data.every(({ status }) => status !== 'failed')
  if (!options.only.includes('model') || (trains && !isDataGood)) return data
  const broken: CiGate[] = []
  const wanted = trainingPipelines(manifest).filter(
    ({ name }) => options.pipeline?.includes(name) ?? true,
  )
  if (trains) for (const spec of wanted) broken.push(...(await train(client, spec, params)))
  if (broken.length > 0) return [...data, ...broken]
  const models: CiGate[] = []
  for (const one of asked ?? modelsOf(manifest).map((model) => ({ model })))
    models.push(...(await modelGates(client, project.request, one)))
  return [...data, ...models]
}

/** Why the server refuses the definitions; what is no refusal of them goes on. */
async function apply(
  client: GyreClient,
  { request, files }: PreparedProject,
): Promise<string | undefined> {
  for (const bytes of files) await client.putBytes(bytes)
  try {
    await client.post('/api/v1/project/apply?plan=false', request, ApplyReply)
    return undefined
  } catch (thrown) {
    if (thrown instanceof RequestError && [400, 409, 422].includes(thrown.status))
      return thrown.message
    throw thrown
  }
}

/** A server on a folder of its own, gone afterwards, however this ends: a second signal ends the process at once. */
async function withOwnServer<T>(
  { startServer }: CliDeps,
  work: (client: GyreClient) => Promise<T>,
): Promise<T> {
  const stopped = untilStopped().then(() => {
    throw new GyreError('CANCELLED', 'stopped before the gates were through')
  })
  // It is met below, once there is a server to close.
  stopped.catch(() => undefined)
  const data = await mkdtemp(join(tmpdir(), 'gyre-ci-'))
  const removeNow = (): void => rmSync(data, { recursive: true, force: true, maxRetries: 3 })
  process.once('exit', removeNow)
  try {
    const config = readConfig({ port: '0', host: '127.0.0.1', data })
    const server = await startServer(config)
    const client = connect({ url: server.url })
    try {
      return await Promise.race([work(client), stopped])
    } finally {
      client.close()
      await server.close()
    }
  } finally {
    await rm(data, { recursive: true, force: true })
    process.off('exit', removeNow)
  }
}

function readAsked(text: string): Asked {
  const [, model = '', version] = /^([^@]+)(?:@([^@]+))?$/.exec(text) ?? []
  if (model !== '') return { model, version }
  throw new GyreError('INVALID_ARGUMENT', `--model: expected NAME or NAME@VERSION, got ${text}`, {
    field: 'model',
  })
}

function assertPipelines(manifest: Manifest, names: readonly string[] = []): void {
  const known = trainingPipelines(manifest).map(({ name }) => name)
  const unknown = names.find((name) => !known.includes(name))
  if (unknown === undefined) return
  throw new GyreError(
    'INVALID_ARGUMENT',
    `--pipeline: expected one that has a gate and registers, of ${known.join(', ')}, got ${unknown}`,
    { field: 'pipeline' },
  )
}

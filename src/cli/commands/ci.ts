import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { connect, type GyreClient } from '@gyre/sdk/client'
import { ApplyReply, type Manifest } from '@gyre/sdk/wire/manifest'
import { z } from 'zod'
import { environmentVariable, readConfig } from '../../core/config.ts'
import { GyreError } from '../../core/errors.ts'
import { runCodeGate } from '../ci/code-gate.ts'
import { importGate, knownGate } from '../ci/data-gate.ts'
import { modelGates, modelsOf, type Asked } from '../ci/model-gate.ts'
import { refusedGate, reportOf, type CiGate, type CiReport } from '../ci/report.ts'
import { reportJunit } from '../ci/report-junit.ts'
import { reportMarkdown } from '../ci/report-markdown.ts'
import { reportText } from '../ci/report-text.ts'
import { train, trainingPipelines } from '../ci/training.ts'
import { withClient, withServer, type AddCommand, type CliDeps } from '../command.ts'
import { readPair, readParam } from '../pair.ts'
import { prepareProject, type PreparedProject } from '../prepare-project.ts'

const Options = z.object({
  url: z.exactOptional(z.string()),
  key: z.exactOptional(z.string()),
  json: z.exactOptional(z.string()),
  junit: z.exactOptional(z.string()),
  markdown: z.exactOptional(z.string()),
  test: z.exactOptional(z.string()),
  testJunit: z.exactOptional(z.string()),
  train: z.boolean().default(false),
  pipeline: z.exactOptional(z.array(z.string())),
  param: z.array(z.string()).default([]),
  model: z.exactOptional(z.array(z.string())),
  set: z.array(z.string()).default([]),
})
type Options = z.infer<typeof Options>

/** `gyre ci [FOLDER]` */
export const addCi: AddCommand = (program, deps) => {
  withServer(program.command('ci'))
    .description('run the code, data and model gates of a project; ends with 1 when one refuses')
    .argument('[folder]', 'where gyre.config.ts is', '.')
    .option('--json <file>', 'write the report as JSON')
    .option('--junit <file>', 'write it as JUnit')
    .option('--markdown <file>', 'write it as Markdown')
    .option('--test <command>', 'the tests of the code; npm test where the package has them')
    .option('--test-junit <file>', 'the JUnit report that they write')
    .option('--train', 'on a server that is named: apply, import and train there first')
    .option('--pipeline <name...>', 'train by these pipelines alone')
    .option('--param <name=value...>', 'a parameter of the pipelines; JSON or plain text')
    .option('--model <versions...>', 'look at these alone: NAME@VERSION, or NAME for its newest')
    .option('--set <name=value...>', "a value for one of the project's settings")
    .action(async (folder: string, given: unknown) => {
      const report = await runCi(resolve(folder), Options.parse(given), deps)
      const { json, junit, markdown } = Options.parse(given)
      if (json) await writeFile(json, `${JSON.stringify(report, undefined, 2)}\n`)
      if (junit) await writeFile(junit, reportJunit(report))
      if (markdown) await writeFile(markdown, reportMarkdown(report))
      console.log(reportText(report))
      if (!report.passed) deps.exit(1)
    })
}

async function runCi(folder: string, options: Options, deps: CliDeps): Promise<CiReport> {
  const url = options.url ?? environmentVariable('GYRE_URL')
  const asked = options.model?.map(readAsked)
  const params = new Map(options.param.map(readParam))
  const settings = new Map(options.set.map(readPair))
  const { test: command, testJunit: junit } = options
  const project = await prepareProject(folder, settings).catch(asRefusal)
  const code = await runCodeGate({ folder, command, junit })
  if (project instanceof GyreError)
    return reportOf(folder, url ?? null, [refusedGate('code', 'project', project.message), code])
  const { manifest } = project.request
  assertPipelines(manifest, options.pipeline)
  const gates = (client: GyreClient, trains: boolean) =>
    serverGates(client, { folder, project, trains, options, params, asked })
  const found =
    url === undefined
      ? await withOwnServer(deps, (client) => gates(client, true))
      : await withClient(options, (client) => gates(client, options.train))
  return reportOf(manifest.name, url ?? null, [code, ...found])
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
  /** Whether the project may be applied and its pipelines run there. */
  readonly trains: boolean
  readonly options: Options
  readonly params: ReadonlyMap<string, unknown>
  readonly asked: readonly Asked[] | undefined
}

async function serverGates(client: GyreClient, work: Work): Promise<readonly CiGate[]> {
  const { folder, project, trains, options, params, asked } = work
  const { manifest } = project.request
  if (trains) {
    for (const bytes of project.files) await client.putBytes(bytes)
    await client.post('/api/v1/project/apply?plan=false', project.request, ApplyReply)
  }
  const gates: CiGate[] = []
  for (const spec of manifest.datasets)
    gates.push(await (trains ? importGate : knownGate)(client, folder, spec))
  const isDataGood = gates.every(({ status }) => status !== 'failed')
  if (trains && !isDataGood) return gates
  const broken: CiGate[] = []
  const wanted = trainingPipelines(manifest).filter(
    ({ name }) => options.pipeline?.includes(name) ?? true,
  )
  if (trains) for (const spec of wanted) broken.push(...(await train(client, spec, params)))
  if (broken.length > 0) return [...gates, ...broken]
  for (const one of asked ?? modelsOf(manifest).map((model) => ({ model })))
    gates.push(...(await modelGates(client, manifest, one)))
  return gates
}

/** A server on a folder of its own, gone afterwards. */
async function withOwnServer<T>(
  { startServer }: CliDeps,
  work: (client: GyreClient) => Promise<T>,
): Promise<T> {
  const data = await mkdtemp(join(tmpdir(), 'gyre-ci-'))
  try {
    const config = readConfig({ port: '0', host: '127.0.0.1', data })
    const server = await startServer(config)
    const client = connect({ url: server.url })
    try {
      return await work(client)
    } finally {
      client.close()
      await server.close()
    }
  } finally {
    await rm(data, { recursive: true, force: true })
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

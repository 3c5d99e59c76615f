import { fileURLToPath } from 'node:url'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { ARTIFACTS, as, openDoors } from '../../../src/api/mlflow/fixture.ts'
import { pinnedPython } from '../python.ts'
import { runScenario } from './scenario.ts'

let python = ''

beforeAll(async () => {
  const requirements = new URL('./requirements.txt', import.meta.url)
  python = await pinnedPython(fileURLToPath(requirements))
}, 1_800_000)

const READ = ['search experiments', 'get a run', 'search runs', 'download', 'get a version']
const WRITTEN = [
  'an experiment',
  'a run',
  'a metric',
  'a param',
  'a tag, not waited for',
  'a file',
  'a model',
  'a version',
  'an alias',
]
const BY_HAND = ['raw read', 'raw write', 'raw upload']

const denied = (code: string) => ({ error: code })
const GONE = { status: 404, error: 'RESOURCE_DOES_NOT_EXIST' }

/** A server that asks for keys, with a run, its file and its model in it. */
async function openKeyed() {
  const doors = await openDoors({ keyless: false })
  onTestFinished(() => doors[Symbol.asyncDispose]())
  const run = await doors.startRun()
  const admin = as(await doors.makeKey('root', 'admin'))
  const ask = async (method: string, path: string, body: string) => {
    const headers = { ...admin, 'content-type': 'application/json' }
    expect((await doors.ask({ method, path, body, headers })).status).toBe(200)
  }
  for (const file of ['given.txt', 'model/MLmodel'])
    await ask('PUT', `${ARTIFACTS}/0/${run}/artifacts/${file}`, 'kept')
  const post = (path: string, body: object) =>
    ask('POST', `/api/2.0/mlflow/${path}`, JSON.stringify(body))
  await post('registered-models/create', { name: 'given' })
  await post('model-versions/create', { name: 'given', source: `runs:/${run}/model`, run_id: run })
  return { ...doors, run }
}

type Keyed = Awaited<ReturnType<typeof openKeyed>>

/** What the client met, step by step; a refusal by its code. */
async function met({ port, run }: Keyed, who: string, token: string | undefined) {
  const steps = await runScenario(python, '../keyed/client', `http://127.0.0.1:${port}`, {
    GYRE_RUN: run,
    GYRE_WHO: who,
    ...(token === undefined ? {} : { MLFLOW_TRACKING_TOKEN: token }),
  })
  return new Map(steps.map(({ step, value }) => [step, value]))
}

/** Those of the steps that ended in an error. */
function refused(steps: ReadonlyMap<string, unknown>, names: readonly string[]): readonly string[] {
  return names.filter((name) => JSON.stringify(steps.get(name))?.startsWith('{"error"'))
}

const CTX = { project: 'default', actor: 'local', requestId: 'req_1' }

test('without a key, or with one that is none, MLflow’s client is told so at every step', async () => {
  const doors = await openKeyed()
  for (const token of [undefined, 'gyre_nobody', 'ünï']) {
    const steps = await met(doors, 'nobody', token)
    const all = [...READ, ...WRITTEN, 'a stage']
    expect([token, refused(steps, all)]).toEqual([token, all])
    for (const step of BY_HAND)
      expect([token, step, steps.get(step)]).toEqual([
        token,
        step,
        { status: 401, error: 'UNAUTHENTICATED' },
      ])
  }
  expect((await doors.rooms.tracking.get(CTX, doors.run)).tags).toHaveLength(1)
}, 300_000)

test.each([
  ['viewer', false, false],
  ['member', true, false],
  ['admin', true, true],
] as const)(
  'a %s may write: %s, and decide: %s',
  async (role, writes, decides) => {
    const doors = await openKeyed()
    const steps = await met(doors, role, await doors.makeKey('k', role))
    expect(READ.map((step) => steps.get(step))).toEqual([
      ['Default'],
      '<run 1>',
      ['<run 1>'],
      'kept',
      '1',
    ])
    expect(refused(steps, WRITTEN)).toEqual(writes ? [] : WRITTEN)
    expect(steps.get('a metric')).toEqual(writes ? null : denied('PERMISSION_DENIED'))
    expect(steps.get('a stage')).toEqual(decides ? 'Production' : denied('PERMISSION_DENIED'))
    const hand = writes ? GONE : { status: 403, error: 'PERMISSION_DENIED' }
    expect(BY_HAND.map((step) => steps.get(step))).toEqual([GONE, hand, hand])
    const { tags, metrics, params } = await doors.rooms.tracking.get(CTX, doors.run)
    expect([metrics, params].map((kept) => kept.length)).toEqual(writes ? [1, 1] : [0, 0])
    expect(tags).toHaveLength(writes ? 2 : 1)
  },
  300_000,
)

import { beforeAll, expect, test } from 'vitest'
import { Event } from '@gyre/sdk/wire/event'
import { AliasMove } from '@gyre/sdk/wire/model'
import { z } from 'zod'
import { seededRandom } from '../../src/core/random.ts'
import { tempFolder } from '../../src/store/contract/temp-folder.ts'
import { build, up, type Running } from './program.ts'
import { send } from './traffic.ts'

beforeAll(() => build())

const [ROUNDS, CLIENTS, MODEL] = [5, 5, 'churn']

/** Versions of a client. It moves one after the other, so that it never moves the one it may have moved last. */
const OWN = 3

const API = '/api/2.0/mlflow'
const Created = z.object({ run: z.object({ info: z.object({ run_id: z.string() }) }) })
const Alias = z.object({ alias: z.string(), version: z.string() })
const Model = z.object({ registered_model: z.object({ aliases: z.array(Alias).default([]) }) })
const Version = z.object({ version: z.string(), current_stage: z.string() })
const Versions = z.object({ model_versions: z.array(Version) })
const Log = z.object({ events: z.array(Event) })
const StageChange = z.object({ from: z.string(), to: z.string() })
const AliasChange = z.object({ to: z.number() })
const Moves = z.object({ moves: z.array(AliasMove) })

const post = (server: Running, path: string, body: unknown) =>
  send(`${server.url}${API}/${path}`, 'POST', body)

const read = async <T>(server: Running, path: string, shape: z.ZodType<T>): Promise<T> =>
  shape.parse((await send(server.url + path, 'GET'))?.body)

/** How often a version was moved, as its client knows it: answered, and sent when the server went. */
interface Moved {
  acked: number
  open: number
}

interface Ledger {
  /** Into Production, by version. */
  readonly staged: Map<string, Moved>
  /** Of the alias `champion`, by version. */
  readonly aliased: Map<string, Moved>
  /** Of each client, over all rounds. */
  readonly turns: number[]
}

/** A registered model with the versions of each client. */
async function register(server: Running): Promise<void> {
  const started = await post(server, 'runs/create', { experiment_id: '0', start_time: 1 })
  const run_id = Created.parse(started?.body).run.info.run_id
  const file = `/api/2.0/mlflow-artifacts/artifacts/0/${run_id}/artifacts/model/MLmodel`
  await fetch(server.url + file, { method: 'PUT', body: 'a model of sorts' })
  await post(server, 'registered-models/create', { name: MODEL })
  const version = { name: MODEL, source: `runs:/${run_id}/model`, run_id }
  for (let i = 0; i < OWN * CLIENTS; i++)
    expect((await post(server, 'model-versions/create', version))?.status).toBe(200)
}

/** Sends a move and writes down what became of it; false when the server has gone. */
async function move(
  server: Running,
  moved: Map<string, Moved>,
  version: string,
  [path, body]: readonly [string, object],
): Promise<boolean> {
  const known = moved.get(version) ?? { acked: 0, open: 0 }
  moved.set(version, known)
  const reply = await post(server, path, { name: MODEL, version, ...body })
  if (reply === undefined) {
    known.open += 1
    return false
  }
  expect(reply.status).toBe(200)
  known.acked += 1
  return true
}

const TO_PRODUCTION = { stage: 'Production', archive_existing_versions: true }

/**
 * Each client moves its versions one after the other: every move that was answered has changed something, and
 * stands in the history by itself. `onAck` after each answer.
 */
async function moveUntilCut(server: Running, ledger: Ledger, onAck: () => void): Promise<void> {
  await Promise.all(
    Array.from({ length: CLIENTS }, async (_, client) => {
      for (;;) {
        const turn = ledger.turns[client] ?? 0
        ledger.turns[client] = turn + 1
        const version = String(OWN * client + 1 + (turn % OWN))
        const staging = ['model-versions/transition-stage', TO_PRODUCTION] as const
        if (!(await move(server, ledger.staged, version, staging))) return
        onAck()
        const aliasing = ['registered-models/alias', { alias: 'champion' }] as const
        if (!(await move(server, ledger.aliased, version, aliasing))) return
        onAck()
      }
    }),
  )
}

/** The events of one type, all pages of them. */
async function eventsOf(server: Running, type: string): Promise<readonly Event[]> {
  const found: Event[] = []
  for (;;) {
    const after = found.at(-1)?.seq ?? 0
    const path = `/api/v1/event-log?type=${type}&limit=1000&after=${after}`
    const { events } = await read(server, path, Log)
    if (events.length === 0) return found
    found.push(...events)
  }
}

/** Every move that was answered is in the history, and none is there that nobody sent. */
function checkMoves(history: readonly string[], moved: ReadonlyMap<string, Moved>): void {
  for (const [version, { acked, open }] of moved) {
    const there = history.filter((one) => one === version).length
    expect([version, there >= acked, there <= acked + open]).toEqual([version, true, true])
  }
}

async function checkStages(server: Running, { staged }: Ledger): Promise<void> {
  const stages = new Map<string, string>()
  const promoted: string[] = []
  for (const { subject, data } of await eventsOf(server, 'model.staged')) {
    const version = subject.id.slice(`${MODEL}@`.length)
    const { from, to } = StageChange.parse(data)
    expect(from).toBe(stages.get(version) ?? 'none')
    stages.set(version, to)
    if (to === 'production') promoted.push(version)
    const inProduction = [...stages].filter(([, stage]) => stage === 'production')
    expect(inProduction.length, 'never two at any point of the history').toBeLessThan(2)
  }
  checkMoves(promoted, staged)
  const search = `${API}/model-versions/search?filter=${encodeURIComponent(`name='${MODEL}'`)}`
  const { model_versions: versions } = await read(server, search, Versions)
  expect(versions).toHaveLength(OWN * CLIENTS)
  for (const { version, current_stage } of versions)
    expect([version, current_stage.toLowerCase()]).toEqual([version, stages.get(version) ?? 'none'])
  const now = versions.filter(({ current_stage }) => current_stage === 'Production')
  expect(now.map(({ version }) => version)).toEqual(promoted.slice(-1))
}

async function checkAliases(server: Running, { aliased }: Ledger): Promise<void> {
  const { moves } = await read(server, `/api/v1/models/${MODEL}/aliases?alias=champion`, Moves)
  const places = moves.map(({ to }) => to ?? '')
  expect(moves.map(({ from }) => from)).toEqual(
    places.length === 0 ? [] : [null, ...places.slice(0, -1)],
  )
  checkMoves(places, aliased)
  const told = await eventsOf(server, 'model.aliased')
  expect(told.map(({ data }) => String(AliasChange.parse(data).to))).toEqual(places)
  const found = await read(server, `${API}/registered-models/get?name=${MODEL}`, Model)
  expect(found.registered_model.aliases).toEqual(
    places.slice(-1).map((version) => ({ alias: 'champion', version })),
  )
}

test('after kill -9 among promotions there is one Production, and every answered move in the history', async () => {
  const data = await tempFolder()
  const random = seededRandom(11)
  const ledger: Ledger = { staged: new Map(), aliased: new Map(), turns: [] }
  let acked = 0
  for (let round = 0; round < ROUNDS; round++) {
    const server = await up(data)
    if (round === 0) await register(server)
    await checkStages(server, ledger)
    await checkAliases(server, ledger)
    const goal = acked + 15 + Math.floor(random() * 60)
    await moveUntilCut(server, ledger, () => {
      acked += 1
      if (acked === goal) void server.stop('SIGKILL')
    })
  }
  const server = await up(data)
  await checkStages(server, ledger)
  await checkAliases(server, ledger)
  expect(acked).toBeGreaterThanOrEqual(15 * ROUNDS)
  expect((await send(`${server.url}/api/v1/event-log/verify`, 'GET'))?.body).toMatchObject({
    ok: true,
  })
})

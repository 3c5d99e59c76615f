import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { createAccess } from '../../access/access.ts'
import { systemClock } from '../../core/clock.ts'
import { silentLog } from '../../core/log.ts'
import { UNGOVERNED } from '../../registry/fixture.ts'
import type { Verdicts } from '../../registry/gate-check.ts'
import { createRegistry } from '../../registry/registry.ts'
import { nodeFiles } from '../../store/files.ts'
import { openTempStore, type TempStore } from '../../store/fixture.ts'
import { createArtifacts } from '../../tracking/artifacts.ts'
import { createLoggedModels } from '../../tracking/logged-models.ts'
import { createRunInputs } from '../../tracking/run-inputs.ts'
import { freezeArtifacts } from '../../tracking/frozen-artifacts.ts'
import { noteRegistered } from '../../tracking/registered-versions.ts'
import { assertActive } from '../../tracking/experiments.ts'
import { traceLocation } from '../../tracking/locations.ts'
import { createTracking } from '../../tracking/tracking.ts'
import { createTraces } from '../../traces/traces.ts'
import { answeredHosts } from '../host.ts'
import { otlpDoor } from '../otlp-door.ts'
import type { Rooms } from '../rooms.ts'
import { createHttpServer } from '../server.ts'
import { mlflowDoor } from './door.ts'
import { getArtifactDoor } from './get-artifact-door.ts'
import { mlflowRoutes } from './routes.ts'
import { versionDoor } from './server-info.ts'

export interface Asked {
  readonly method?: string
  /** Sent as it is written here: nothing is normalised. */
  readonly path: string
  readonly body?: string | Uint8Array
  readonly headers?: Readonly<Record<string, string>>
}

export interface Reply {
  readonly status: number | undefined
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** Undefined where the text is no JSON. */
  readonly json: unknown
}

export interface Doors extends AsyncDisposable {
  readonly port: number
  readonly store: TempStore
  readonly rooms: Rooms
  readonly ask: (asked: Asked) => Promise<Reply>
  /** Asks `/api/2.0` with a JSON body. */
  readonly post: (path: string, body: object) => Promise<Reply>
  /** Starts a run in `Default`; gives its id. */
  startRun(): Promise<string>
  /** A key's secret. */
  makeKey(name: string, role: 'viewer' | 'member' | 'admin'): Promise<string>
}

export const ARTIFACTS = '/api/2.0/mlflow-artifacts/artifacts'

const ctx = { project: 'default', actor: 'local', requestId: 'req_1' }

/** No gate has run. */
const NONE: Verdicts = {
  passing: async () => undefined,
  standing: async () => [],
  lapsed: async () => [],
}

/** MLflow's doors over a real store, on a port of their own. */
export async function openDoors({
  keyless = true,
  policy = UNGOVERNED,
  files = nodeFiles,
  verdicts = NONE,
} = {}): Promise<Doors> {
  const store = await openTempStore(systemClock, files)
  const clock = systemClock
  const { newId } = store
  const access = createAccess({ ...store, clock, keyless })
  const tracking = createTracking({ ...store, clock, random: Math.random })
  const { experiments } = tracking
  const artifacts = createArtifacts({ ...store, clock, log: silentLog })
  const parts = {
    ...store,
    access,
    artifacts,
    loggedModels: createLoggedModels({ ...store, clock, random: Math.random, experiments }),
    runInputs: createRunInputs(store),
    tracking,
    traces: createTraces({
      ...store,
      clock,
      patienceMs: 50,
      location: traceLocation,
      assertExperiment: async (of, number) => assertActive(await experiments.get(of, number)),
      experimentNamed: async (of, name) => (await experiments.byName(of, name)).number,
      forgetArtifacts: (tx, of, ids) =>
        artifacts.forget(
          tx,
          of,
          ids.map((id) => ({ kind: 'trace', id })),
        ),
    }),
    registry: createRegistry({
      ...store,
      clock,
      verdicts,
      policy: async () => policy,
      endpoints: async () => [],
      freeze: (of, place) => freezeArtifacts({ ...store, artifacts }, of, place),
      tellLoggedModel: noteRegistered,
      findPrediction: async () => undefined,
    }),
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- all that MLflow's doors ask
  const rooms = parts as unknown as Rooms
  const http = createHttpServer({
    rooms,
    access,
    routes: [],
    raw: [
      mlflowDoor({ rooms, routes: mlflowRoutes(['tracking', 'registry']), log: silentLog }),
      versionDoor(),
      getArtifactDoor({ rooms, log: silentLog }),
      otlpDoor({ traces: parts.traces, log: silentLog }),
    ],
    answeredHosts: answeredHosts('127.0.0.1', []),
    maxBodyBytes: 1_000,
    newId,
    clock,
    log: silentLog,
  })
  const port = await http.listen('127.0.0.1', 0)
  const ask = (asked: Asked) => send(port, asked)
  return {
    port,
    store,
    rooms,
    ask,
    post: (path, body) =>
      ask({
        method: 'POST',
        path: `/api/2.0${path}`,
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      }),
    async startRun() {
      const run = await rooms.tracking.start(ctx, { experiment: 0, userId: 'ada', tags: [] })
      return run.id
    },
    async makeKey(name, role) {
      return (await access.createKey(ctx, { name, role })).secret
    },
    async [Symbol.asyncDispose]() {
      await http.close()
      await store[Symbol.asyncDispose]()
    },
  }
}

async function send(
  port: number,
  { method = 'GET', path, body, headers = {} }: Asked,
): Promise<Reply> {
  const sent = request({ host: '127.0.0.1', port, method, path, headers })
  sent.end(body)
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    sent.once('response', resolve).once('error', reject)
  })
  const got = await text(response)
  return { status: response.statusCode, headers: response.headers, text: got, json: jsonOf(got) }
}

function jsonOf(got: string): unknown {
  try {
    return JSON.parse(got)
  } catch {
    return undefined
  }
}

/** The header that a key goes in. */
export function as(key: string) {
  return { authorization: `Bearer ${key}` }
}

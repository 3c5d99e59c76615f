import { request, type ClientRequest, type IncomingHttpHeaders } from 'node:http'
import { EndpointSpec } from '@gyre/sdk/wire/endpoint'
import { createAccess } from '../access/access.ts'
import { fakeClock, systemClock } from '../core/clock.ts'
import { silentLog } from '../core/log.ts'
import type { InferDeps } from '../infer/infer.ts'
import { ctx, flightAsk, openServe, type ServeBench } from '../serve/fixture.ts'
import { answeredHosts } from './host.ts'
import { createGrpcServer } from './oip/grpc-server.ts'
import { oipDoor } from './oip/oip-door.ts'
import { feedbackDoor } from './predict/feedback-door.ts'
import { healthDoor } from './predict/health-door.ts'
import { predictDoor } from './predict/predict-door.ts'
import { tfServingDoor } from './tfserving/tfserving-door.ts'
import type { Rooms } from './rooms.ts'
import { createHttpServer } from './server.ts'

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: unknown
}

/** The doors of serving over a real worker, with endpoint `delay` of fields released. */
export interface Doors extends AsyncDisposable {
  readonly served: ServeBench
  readonly port: number
  keyOf(role: 'viewer' | 'member'): Promise<string>
  /** Sends a body as it is: text and bytes raw, anything else as JSON. */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Reply>
  ask(method: string, path: string): Promise<Reply>
  /** Releases endpoint `churn` too, which takes the tensors of `LINEAR3_ONNX`. */
  releaseChurn(change?: Partial<EndpointSpec>): Promise<void>
  /** Keeps the worker busy until `served.bench.release()`; resolves once it is. */
  occupy(): Promise<void>
  /** HOST:PORT of gRPC, started at the first call. */
  grpc(): Promise<string>
}

const MAX_BODY_BYTES = 4_096

const CHURN = EndpointSpec.parse({
  name: 'churn',
  model: 'churn',
  subject: 'customer',
  takes: 'tensors',
  input: {},
})

export async function openDoors(
  infer: Partial<InferDeps> = {},
  { keyless = true }: { readonly keyless?: boolean } = {},
): Promise<Doors> {
  const served = await openServe(infer)
  const { serve, predictions, store } = served
  const { catalog, events, newId } = store
  const [maxBodyBytes, log] = [MAX_BODY_BYTES, silentLog]
  const access = createAccess({ catalog, events, newId, clock: fakeClock(), keyless })
  const http = createHttpServer({
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- no route is mounted that could ask for one
    rooms: {} as Rooms,
    access,
    routes: [],
    raw: [
      predictDoor({ serve, maxBodyBytes }),
      oipDoor({ serve, maxBodyBytes, isReady: () => true, log }),
      tfServingDoor({ serve, maxBodyBytes, prefix: '/tf', log }),
      feedbackDoor({ predictions, maxBodyBytes }),
      healthDoor(),
    ],
    answeredHosts: answeredHosts('127.0.0.1', []),
    maxBodyBytes,
    newId,
    clock: fakeClock(),
    log,
  })
  const grpc = createGrpcServer({
    serve,
    access,
    maxTensorBytes: MAX_BODY_BYTES,
    isReady: () => true,
    clock: systemClock,
    newId,
    log,
  })
  const port = await http.listen('127.0.0.1', 0)
  await served.route('delay', { stable: 'model:delay@1' })
  await serve.ready()
  return {
    served,
    port,
    keyOf: async (role) => (await access.createKey(ctx, { name: role, role })).secret,
    ask: async (method, path) => answerTo(sending(port, method, path, {}).end()),
    async post(path, body, headers = { 'content-type': 'application/json' }) {
      const isRaw = typeof body === 'string' || Buffer.isBuffer(body)
      return answerTo(sending(port, 'POST', path, headers).end(isRaw ? body : JSON.stringify(body)))
    },
    async releaseChurn(change = {}) {
      await served.declare({ ...CHURN, ...change })
      await served.route('churn', { stable: 'model:churn@1' })
      await serve.tensorArm(ctx, 'churn')
    },
    async occupy() {
      const { bench } = served
      void serve.predict(ctx, 'delay', flightAsk({}, { origin: 'WAIT' }), undefined)
      while (bench.infer.stats().workers[0]?.state !== 'busy')
        await new Promise((resolve) => setImmediate(resolve))
    },
    grpc: async () => `127.0.0.1:${await grpc.listen('127.0.0.1', 0)}`,
    async [Symbol.asyncDispose]() {
      await served.bench.release()
      await Promise.all([http.close(), grpc.close()])
      await served[Symbol.asyncDispose]()
    },
  }
}

/** A request that is still to be ended. */
export function sending(
  port: number,
  method: string,
  path: string,
  headers: Record<string, string>,
): ClientRequest {
  return request({ host: '127.0.0.1', port, method, path, headers })
}

function answerTo(sent: ClientRequest): Promise<Reply> {
  return new Promise((resolve, reject) => {
    sent.on('error', reject)
    sent.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      response.on('end', () => {
        const { statusCode: status = 0, headers } = response
        resolve({ status, headers, body: text === '' ? undefined : JSON.parse(text) })
      })
    })
  })
}

import { Agent, request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { createAccess } from '../access/access.ts'
import { fakeClock } from '../core/clock.ts'
import { MODULES } from '../core/config.ts'
import { silentLog } from '../core/log.ts'
import { openTempStore } from '../store/fixture.ts'
import { healthDoor } from './predict/health-door.ts'
import { answeredHosts } from './host.ts'
import type { Rooms } from './rooms.ts'
import { defineRoute, defineStream, type AnyRoute } from './route.ts'
import { createHttpServer } from './server.ts'
import { v1Routes } from './v1/routes.ts'

const maxBodyBytes = 1_024

const echo = defineRoute({
  method: 'POST',
  path: '/echo/:name',
  summary: 'What was asked',
  scope: 'write',
  params: z.strictObject({ name: z.string().max(8) }),
  query: z.strictObject({ loud: z.enum(['yes', 'no']).default('no') }),
  body: z.strictObject({ n: z.number(), tags: z.array(z.string()).default([]) }),
  reply: z.strictObject({ name: z.string(), n: z.number() }),
  errors: ['INVALID_ARGUMENT'],
  handle: async (_rooms, _ctx, { params, body }) => ({ name: params.name, n: body.n }),
})

const ping = defineRoute({
  method: 'POST',
  path: '/ping',
  summary: 'Takes no body',
  scope: 'read',
  reply: z.strictObject({}),
  errors: [],
  handle: async () => ({}),
})

const broken = defineRoute({
  method: 'GET',
  path: '/broken',
  summary: 'Fails inside',
  scope: 'public',
  reply: z.strictObject({}),
  errors: [],
  handle: async () => {
    throw new Error('the password is hunter2')
  },
})

const count = defineStream({
  method: 'PUT',
  path: '/count',
  summary: 'How many bytes came',
  scope: 'store',
  errors: [],
  async handle(_rooms, _ctx, { request: sent, response }) {
    let bytes = 0
    for await (const chunk of sent) bytes += Buffer.byteLength(String(chunk))
    response.end(JSON.stringify({ bytes }))
  },
})

interface Asked {
  readonly method?: string
  readonly path: string
  readonly body?: string | Buffer
  readonly headers?: Readonly<Record<string, string>>
  readonly agent?: Agent
}

interface Reply {
  readonly status: number | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: unknown
}

const ROUTES: readonly AnyRoute[] = [echo, ping, broken, count]

async function openServer({ keyless = true, routes = ROUTES } = {}) {
  const store = await openTempStore()
  const { catalog, events, newId } = store
  const access = createAccess({ catalog, events, newId, clock: fakeClock(), keyless })
  const http = createHttpServer({
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the routes of this test ask no room
    rooms: {} as Rooms,
    access,
    routes,
    raw: [healthDoor()],
    answeredHosts: answeredHosts('10.1.2.3', ['Gyre.Example']),
    maxBodyBytes,
    newId,
    clock: fakeClock(),
    log: silentLog,
  })
  const port = await http.listen('127.0.0.1', 0)
  return {
    http,
    port,
    ask: (asked: Asked) => send(port, asked),
    echo: (body: string | Buffer, headers = JSON_TYPE) =>
      send(port, { method: 'POST', path: '/echo/a', body, headers }),
    async [Symbol.asyncDispose]() {
      await http.close()
      await store[Symbol.asyncDispose]()
    },
  }
}

const JSON_TYPE: Readonly<Record<string, string>> = { 'content-type': 'application/json' }

async function send(port: number, { method = 'GET', path, body, headers = {}, agent }: Asked) {
  return new Promise<Reply>((resolve, reject) => {
    const options = { host: '127.0.0.1', port, method, path, headers, ...(agent && { agent }) }
    const sent = request(options, (response) => {
      replyOf(response).then(resolve, reject)
    })
    sent.once('error', reject)
    sent.end(body)
  })
}

async function replyOf(response: IncomingMessage): Promise<Reply> {
  const got = await text(response)
  const { statusCode: status, headers } = response
  return { status, headers, body: got === '' ? undefined : JSON.parse(got) }
}

function problem(status: number, code: string, detail: RegExp, field?: string) {
  return {
    status,
    headers: { 'content-type': expect.stringMatching(/^application\/problem\+json\b/) },
    body: {
      type: `urn:gyre:error:${code.toLowerCase().replaceAll('_', '-')}`,
      status,
      code,
      detail: expect.stringMatching(detail),
      requestId: expect.stringMatching(/^req_/),
      ...(field === undefined ? {} : { details: { field } }),
    },
  }
}

test('a Host that is neither loopback, nor the bound address, nor allowed is 421 at every door', async () => {
  await using server = await openServer()
  const refused = ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', '10.1.2.4']
  for (const host of refused)
    for (const path of ['/health', '/api/v1/openapi.json', '/nowhere'])
      expect(await server.ask({ path, headers: { host } })).toMatchObject(
        problem(421, 'HOST_NOT_ALLOWED', /allowedHosts in gyre\.json/, 'host'),
      )
  const answered = [
    'localhost:7400',
    '127.0.0.1',
    '[::1]:7400',
    'LOCALHOST',
    '10.1.2.3:80',
    'gyre.example',
  ]
  for (const host of answered)
    expect(await server.ask({ path: '/health', headers: { host } })).toMatchObject({ status: 200 })
})

test('a page of another origin is refused at every door, a page of our own is not', async () => {
  await using server = await openServer()
  for (const origin of ['https://evil.example', 'http://localhost.evil.example:7400', 'null'])
    for (const path of ['/health', '/api/v1/openapi.json', '/nowhere'])
      expect(await server.ask({ path, headers: { host: 'localhost', origin } })).toMatchObject(
        problem(403, 'FORBIDDEN', /^origin: pages of .* may not ask/, 'origin'),
      )
  for (const origin of ['http://localhost:7400', 'http://[::1]:7400', 'https://gyre.example'])
    expect(
      await server.ask({ path: '/health', headers: { host: 'localhost', origin } }),
    ).toMatchObject({ status: 200 })
})

const deep = (levels: number) => `{"n": ${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`

const BAD_BODIES: readonly (readonly [string | Buffer, number, string, RegExp, string])[] = [
  ['', 400, 'INVALID_ARGUMENT', /^body: expected an object/, 'body'],
  ['null', 400, 'INVALID_ARGUMENT', /^body: expected an object, got null/, 'body'],
  ['{"n": 1', 400, 'INVALID_ARGUMENT', /^body: not JSON/, 'body'],
  ['{"n": NaN}', 400, 'INVALID_ARGUMENT', /^body: not JSON/, 'body'],
  [
    Buffer.from('{"n": 1, "tags": ["é"]}', 'latin1'),
    400,
    'INVALID_ARGUMENT',
    /^body: not UTF-8/,
    'body',
  ],
  ['[1]', 400, 'INVALID_ARGUMENT', /^body: expected an object, got \[1\]/, 'body'],
  ['{}', 400, 'INVALID_ARGUMENT', /^n: expected a number/, 'n'],
  ['{"n": "1"}', 400, 'INVALID_ARGUMENT', /^n: expected a number, got "1"/, 'n'],
  ['{"n": 1e999}', 400, 'INVALID_ARGUMENT', /^n: expected a number/, 'n'],
  ['{"n": 1, "m": 2}', 400, 'INVALID_ARGUMENT', /^m: expected no member m/, 'm'],
  ['{"n": 1, "__proto__": {"n": 2}}', 400, 'INVALID_ARGUMENT', /^__proto__: /, '__proto__'],
  [
    '{"n": 1, "tags": ["a", 2]}',
    400,
    'INVALID_ARGUMENT',
    /^tags\.1: expected a text, got 2/,
    'tags.1',
  ],
  [deep(33), 400, 'INVALID_ARGUMENT', /^body: nested deeper than 32 levels/, 'body'],
  [deep(32), 400, 'INVALID_ARGUMENT', /^n: expected a number, got \[\[/, 'n'],
  [`{"n": 1, "tags": ["${'x'.repeat(1_024)}"]}`, 413, 'TOO_LARGE', /^body: /, 'body'],
]

test('every bad body is a problem that names the field, and the server goes on', async () => {
  await using server = await openServer()
  for (const [body, status, code, detail, field] of BAD_BODIES)
    expect([body, await server.echo(body)]).toMatchObject([
      body,
      problem(status, code, detail, field),
    ])
  expect(await server.echo('{"n": 1}')).toMatchObject({ status: 200, body: { name: 'a', n: 1 } })
})

test('a body too large is refused without its length being told, too', async () => {
  await using server = await openServer()
  const body = `{"n": 1, "tags": ["${'x'.repeat(1_024)}"]}`
  const chunked = { ...JSON_TYPE, 'transfer-encoding': 'chunked' }
  expect(await server.echo(body, chunked)).toMatchObject(
    problem(413, 'TOO_LARGE', /^body: /, 'body'),
  )
})

test('another content type than JSON is 415, and a body nobody asked for is refused', async () => {
  await using server = await openServer()
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/jsonp',
    'x',
    'application/json; charset=latin1',
  ])
    expect(await server.echo('{"n": 1}', { 'content-type': type })).toMatchObject(
      problem(
        415,
        'UNSUPPORTED_MEDIA_TYPE',
        /^content-type: expected application\/json/,
        'content-type',
      ),
    )
  const asked = { method: 'POST', path: '/ping', headers: JSON_TYPE }
  expect(await server.ask({ ...asked, body: '{"a": 1}' })).toMatchObject(
    problem(400, 'INVALID_ARGUMENT', /^a: /, 'a'),
  )
  expect(await server.ask({ ...asked, body: '{}' })).toMatchObject({ status: 200 })
  expect(await server.ask({ method: 'POST', path: '/ping' })).toMatchObject({ status: 200 })
})

test('bad paths and queries are problems that name the parameter', async () => {
  await using server = await openServer()
  const post = (path: string) =>
    server.ask({ method: 'POST', path, body: '{"n": 1}', headers: JSON_TYPE })
  for (const [path, status, detail] of [
    ['/echo/123456789', 400, /^name: expected at most/],
    ['/echo/a?loud=maybe', 400, /^loud: expected one of yes, no, got "maybe"/],
    ['/echo/a?loud=yes&loud=no', 400, /^loud: /],
    ['/echo/a?quiet=yes', 400, /^quiet: /],
    ['/echo/%E0%A4%A', 400, /%E0%A4%A/],
    ['/echo', 404, /^no route POST \/echo$/],
    ['/echo/', 404, /^no route POST \/echo\/$/],
    ['/echo/a/b?x=1', 404, /^no route POST \/echo\/a\/b$/],
  ] as const)
    expect([path, await post(path)]).toMatchObject([
      path,
      problem(status, status === 404 ? 'NOT_FOUND' : 'INVALID_ARGUMENT', detail),
    ])
})

test('a path that is there refuses another method, and says which it takes', async () => {
  await using server = await openServer()
  const sent = { body: '{', headers: { 'content-type': 'x', 'transfer-encoding': 'chunked' } }
  for (const [method, path, allow] of [
    ['GET', '/echo/a', 'POST'],
    ['HEAD', '/echo/a', 'POST'],
    ['DELETE', '/echo/a/?loud=yes', 'POST'],
    ['PROPFIND', '/echo/a', 'POST'],
    ['OPTIONS', '/ping', 'POST'],
    ['POST', '/count', 'PUT'],
    ['PUT', '/broken', 'GET, HEAD'],
    ['PATCH', '/api/v1/openapi.json', 'GET, HEAD'],
  ] as const)
    expect([method, await server.ask({ method, path, ...sent })]).toMatchObject([
      method,
      {
        status: 405,
        headers: { allow, 'content-type': expect.stringMatching(/^application\/problem\+json\b/) },
        ...(method === 'HEAD'
          ? {}
          : { body: { code: 'METHOD_NOT_ALLOWED', details: { allow }, status: 405 } }),
      },
    ])
})

test('every path of the own API names its methods to whoever tries another', async () => {
  const routes = v1Routes(MODULES)
  await using server = await openServer({ routes })
  const paths = new Set(routes.map(({ path }) => path.replaceAll(/:\w+/g, 'x')))
  const allowed: Record<string, unknown> = {}
  for (const path of paths) {
    const { status, headers } = await server.ask({ method: 'PATCH', path })
    expect([path, status]).toEqual([path, 405])
    allowed[path] = headers.allow
  }
  expect(allowed).toMatchObject({
    '/api/v1/keys': 'GET, HEAD, POST',
    '/api/v1/keys/x': 'DELETE',
    '/api/v1/blobs/x': 'GET, HEAD, PUT',
    '/api/v1/endpoints/x/promote': 'POST',
    '/api/v1/events': 'GET, HEAD',
  })
})

test('who has no key learns only that, whatever the body', async () => {
  await using server = await openServer({ keyless: false })
  for (const body of ['{"n": 1}', '{', 'x'.repeat(5_000)])
    expect(await server.echo(body)).toMatchObject(
      problem(401, 'UNAUTHENTICATED', /a key is needed/),
    )
  expect(await server.ask({ method: 'PUT', path: '/count', body: 'abc' })).toMatchObject({
    status: 401,
  })
  expect(await server.ask({ path: '/health' })).toMatchObject({ status: 200 })
})

test('what is no request, or names no host, is answered with a problem too', async () => {
  await using server = await openServer()
  const ask = async (bytes: string) => {
    const socket = connect({ host: '127.0.0.1', port: server.port })
    socket.write(bytes)
    const reply = await text(socket)
    const [, status, type, body = ''] =
      /^HTTP\/1\.1 (\d+) .*^content-type: (\S+).*(\{"type".*\})/ms.exec(reply) ?? []
    return { status: Number(status), headers: { 'content-type': type }, body: JSON.parse(body) }
  }
  const close = 'connection: close\r\n\r\n'
  expect(await ask('nonsense\r\n\r\n')).toMatchObject(
    problem(400, 'INVALID_ARGUMENT', /^request: not HTTP/),
  )
  expect(
    await ask('POST /ping HTTP/1.1\r\nhost: localhost\r\ncontent-length: x\r\n\r\n'),
  ).toMatchObject(problem(400, 'INVALID_ARGUMENT', /Invalid character in Content-Length/))
  expect(await ask(`GET /health HTTP/1.1\r\n${close}`)).toMatchObject(
    problem(421, 'HOST_NOT_ALLOWED', /^host "" is not answered here/, 'host'),
  )
  expect(
    await ask(`GET /nowhere HTTP/1.1\r\nhost: localhost\r\nexpect: tea\r\n${close}`),
  ).toMatchObject(problem(404, 'NOT_FOUND', /^no route GET \/nowhere/))
})

test('what breaks inside is told as an id, never as its message', async () => {
  await using server = await openServer()
  const reply = await server.ask({ path: '/broken' })
  expect(reply).toMatchObject(problem(500, 'INTERNAL', /see the server's log for req_/))
  expect(JSON.stringify(reply.body)).not.toContain('hunter2')
})

test('a stream takes bytes of any type and size', async () => {
  await using server = await openServer()
  for (const type of ['application/json', 'application/octet-stream', 'text/plain'])
    expect(
      await server.ask({
        method: 'PUT',
        path: '/count',
        body: 'x'.repeat(5_000),
        headers: { 'content-type': type },
      }),
    ).toMatchObject({ status: 200, body: { bytes: 5_000 } })
})

test('what is under way is answered while the server closes, and who goes on asking does not stop it', async () => {
  await using server = await openServer()
  using agent = new KeptAlive()
  const upload = request({
    host: '127.0.0.1',
    port: server.port,
    method: 'PUT',
    path: '/count',
    agent,
  })
  upload.setHeader('expect', '100-continue').flushHeaders()
  const answered = new Promise<IncomingMessage>((resolve) => upload.once('response', resolve))
  await once(upload, 'continue')

  const closing = server.http.close()
  upload.end('three')
  expect(await replyOf(await answered)).toMatchObject({ status: 200, body: { bytes: 5 } })
  const goingOn = (async () => {
    for (;;) await server.ask({ path: '/health', agent })
  })()
  await expect(goingOn).rejects.toMatchObject({
    code: expect.stringMatching(/^ECONN(REFUSED|RESET)$/),
  })
  await closing
})

class KeptAlive extends Agent implements Disposable {
  constructor() {
    super({ keepAlive: true, maxSockets: 1 })
  }
  [Symbol.dispose]() {
    this.destroy()
  }
}

test('the OpenAPI document lists every route, the raw doors and itself', async () => {
  await using server = await openServer()
  const { body } = await server.ask({ path: '/api/v1/openapi.json' })
  const document = z
    .object({ openapi: z.string(), paths: z.record(z.string(), z.record(z.string(), z.unknown())) })
    .parse(body)
  expect(document.openapi).toBe('3.1.0')
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  expect(operations.toSorted()).toEqual([
    'GET /api/v1/openapi.json',
    'GET /broken',
    'GET /health',
    'POST /echo/{name}',
    'POST /ping',
    'PUT /count',
  ])
  expect(document.paths['/echo/{name}']?.['post']).toMatchObject({
    'x-gyre-scope': 'write',
    parameters: [
      { name: 'name', in: 'path', required: true },
      { name: 'loud', in: 'query', required: false, schema: { enum: ['yes', 'no'] } },
    ],
    requestBody: {
      content: {
        'application/json': {
          schema: { type: 'object', required: ['n'], additionalProperties: false },
        },
      },
    },
    responses: { 200: {}, 400: { description: 'INVALID_ARGUMENT' } },
  })
})

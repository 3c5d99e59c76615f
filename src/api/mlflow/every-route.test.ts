import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { ARTIFACTS, openDoors, type Doors, type Reply } from './fixture.ts'
import type { MlflowRoute } from './route.ts'
import { mlflowRoutes } from './routes.ts'

/** Every route of the door, so that a new one is asked all of this by itself. */
const ROUTES = mlflowRoutes(['tracking', 'registry'])
const NAMED = ROUTES.map((route) => [`${route.method} ${route.path}`, route] as const)

let doors: Doors
let count: () => Promise<unknown>

beforeAll(async () => {
  doors = await openDoors()
  count = rowCounter(doors)
})

afterAll(async () => doors[Symbol.asyncDispose]())

const Refusal = z.strictObject({ error_code: z.string().regex(/^[A-Z_]+$/), message: z.string() })

/** A refusal says what was wrong: never that something broke, nor what of the server's inside. */
function checkRefusal(asked: unknown, { status = 0, json, text }: Reply): void {
  const said = Refusal.safeParse(json)
  expect({ asked, status, isOfMlflow: said.success, text }).toMatchObject({ isOfMlflow: true })
  const isRefusal = status < 500 || said.data?.error_code === 'NOT_IMPLEMENTED'
  expect({ asked, status, isRefusal, text }).toMatchObject({ isRefusal: true })
  for (const leak of ['root:', 'SQLITE', 'node_modules', '/src/', 'Error: '])
    expect({ asked, text }).not.toMatchObject({ text: expect.stringContaining(leak) })
}

const Started = z.object({ run: z.object({ info: z.object({ run_id: z.string() }) }) })
const Logged = z.object({ model: z.object({ info: z.object({ model_id: z.string() }) }) })

const Told = z.object({ issue: z.object({ issue_id: z.string() }) })

type Furniture = Readonly<Record<string, unknown>>

let furnished = 0

/** What there is to ask about: new for each route, since some of them take it away. */
async function furnish(): Promise<Furniture> {
  const experiment_name = `of ${++furnished}`
  const made = await doors.post('/mlflow/experiments/create', { name: experiment_name })
  const { experiment_id } = z.object({ experiment_id: z.string() }).parse(made.json)
  const started = await doors.post('/mlflow/runs/create', { experiment_id })
  const run = Started.parse(started.json).run.info.run_id
  const file = `${ARTIFACTS}/${experiment_id}/${run}/artifacts/model/MLmodel`
  await doors.ask({ method: 'PUT', path: file, body: 'a model of sorts' })
  const name = `model of ${run}`
  await doors.post('/mlflow/registered-models/create', { name })
  const source = `runs:/${run}/model`
  await doors.post('/mlflow/model-versions/create', { name, source, run_id: run })
  const logged = await doors.post('/mlflow/logged-models', { experiment_id, name: 'held' })
  const { model_id } = Logged.parse(logged.json).model.info
  const told = await doors.ask({
    method: 'POST',
    path: '/api/3.0/mlflow/issues',
    body: JSON.stringify({ experiment_id, name: 'slow', description: 'from noon on' }),
    headers: JSON_TYPE,
  })
  const { issue_id } = Told.parse(told.json).issue
  return {
    run_id: run,
    run_uuid: run,
    run_ids: [run],
    experiment_id,
    experiment_ids: [experiment_id],
    experiment_name,
    model_id,
    name,
    new_name: `${name}, renamed`,
    version: '1',
    source,
    stage: 'Staging',
    alias: 'champion',
    key: 'k',
    tag_key: 'k',
    metric_key: 'k',
    value: '1',
    timestamp: 1,
    step: 0,
    status: 'RUNNING',
    path: 'model/MLmodel',
    artifact_file_path: 'model/MLmodel',
    upload_id: 'u',
    num_parts: 1,
    part_number: '1',
    parts: [],
    trace_id: 'tr-1',
    assessment_id: 'a-1',
    issue_id,
    max_results: 1,
    order_by: [],
    tags: [{ key: 'k', value: 'v' }],
    metrics: [],
    params: [],
    models: [],
    datasets: [],
  }
}

/** What each member of a body, a query or a path is once replaced by. */
const ODD: readonly unknown[] = [
  null,
  true,
  7,
  -1,
  1.5,
  1e300,
  '',
  ' ',
  'x',
  '9'.repeat(30),
  '-9223372036854775809',
  'NaN',
  'a\u0000b',
  'a\u0001\u001b[31m\r\nx: y',
  '\ud800',
  '\u202egnp.exe',
  '🚀'.repeat(200),
  'x'.repeat(70_000),
  '../../etc/passwd',
  '%2e%2e%2f',
  "'; DROP TABLE runs; --",
  '${jndi:ldap://x}',
  [],
  [null],
  [[]],
  ['x', 7],
  [{}],
  {},
  { key: {} },
  { a: { b: { c: [] } } },
]

/** Longer queries than this are no request: Node answers 431 by itself. */
const LONGEST_QUERY_CHARS = 8_000

const BODIES: readonly (string | Buffer)[] = [
  '',
  '{',
  '}',
  '[]',
  '[1]',
  '"x"',
  'null',
  '7',
  '{}',
  '{"a":1}}',
  '{a:1}',
  "{'a':1}",
  '{"a":NaN}',
  '{"a":1e999}',
  '{"a":01}',
  '{"":""}',
  '{"__proto__":{"isAdmin":true}}',
  '{"constructor":{"prototype":{"x":1}}}',
  '{"run_id":"a","run_id":"b"}',
  '\ufeff{}',
  '\0',
  '['.repeat(5_000),
  `{"a":${'{"a":'.repeat(500)}1${'}'.repeat(501)}`,
  Buffer.from([0xff, 0xfe, 0x00]),
  Buffer.from('{"name":"\xff"}', 'latin1'),
]

const JSON_TYPE = { 'content-type': 'application/json' }

/** How the route is asked with this input: in the query of a GET, else in the body; and in its path. */
function askedWith(route: MlflowRoute, input: Furniture) {
  const { method, path: pattern, versions = ['2.0'] } = route
  const path = `/api/${versions[0]}${pattern}`
    .replaceAll(/\{(\w+)\}/g, (_, member: string) => encoded(input[member]))
    .replace('*', `${encoded(input['experiment_id'])}/${encoded(input['run_id'])}/artifacts/new`)
  if (method !== 'GET') {
    const body = JSON.stringify(input)
    const length = String(Buffer.byteLength(body))
    return { method, path, body, headers: { ...JSON_TYPE, 'content-length': length } }
  }
  const query = new URLSearchParams(
    Object.entries(input).flatMap(([key, value]) =>
      [value].flat().map((one): [string, string] => [key, textOf(one)]),
    ),
  )
  return { method, path: `${path}?${query.toString().slice(0, LONGEST_QUERY_CHARS)}` }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function encoded(value: unknown): string {
  return encodeURIComponent(textOf(value).slice(0, 500).toWellFormed()) || '%20'
}

/** The members that a route reads: of its body or query, and of its path. */
function membersOf({ input, path }: MlflowRoute): readonly string[] {
  const ofPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name)
  return [
    ...new Set([...ofPath, ...(input instanceof z.ZodObject ? Object.keys(input.shape) : [])]),
  ]
}

/** Rows of every table, so that whatever a refused request left behind is seen. */
function rowCounter({ store: { catalog } }: Doors) {
  let query = ''
  return async (): Promise<unknown> => {
    if (query === '') {
      const tables = await sql<{ name: string }>`
        SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`.execute(
        catalog.read,
      )
      expect(tables.rows.length, 'a look at too few tables proves nothing').toBeGreaterThan(20)
      query = `SELECT ${tables.rows.map(({ name }) => `(SELECT count(*) FROM "${name}") AS "${name}"`).join()}`
    }
    return (await sql.raw(query).execute(catalog.read)).rows[0]
  }
}

/** Asks, and checks that a refusal is one and left nothing. Gives whether it was one. */
async function ask(asked: Parameters<Doors['ask']>[0], about: unknown): Promise<boolean> {
  const before = await count()
  const reply = await doors.ask(asked)
  if ((reply.status ?? 0) < 400) return false
  checkRefusal([asked.method, asked.path.slice(0, 300), about], reply)
  expect([about, await count()]).toEqual([about, before])
  return true
}

test('the table of routes was read', () => {
  expect(ROUTES.length).toBeGreaterThan(75)
  expect(ROUTES.filter((route) => membersOf(route).length > 0).length).toBeGreaterThan(60)
})

/** Those that read a body of JSON. */
const TOLD = NAMED.filter(([, { input, method }]) => input && method !== 'GET')
/** Of them those that a page of another site could ask without asking first, were any type of body taken. */
const SIMPLE = TOLD.filter(([, { method }]) => method === 'POST')

test.each(TOLD)('%s refuses whatever is no JSON of its shape', async (_, route) => {
  const asked = askedWith(route, await furnish())
  let refused = 0
  for (const body of BODIES) {
    const headers = { ...JSON_TYPE, 'content-length': String(Buffer.byteLength(body)) }
    if (await ask({ ...asked, body, headers }, String(body).slice(0, 100))) refused += 1
  }
  // A body that is cut off, or no object, fits no route; `{}` and members that nobody knows may.
  expect(refused).toBeGreaterThanOrEqual(12)
})

test.each(SIMPLE)('%s takes JSON alone', async (_, route) => {
  const asked = askedWith(route, await furnish())
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data'])
    expect([
      type,
      await doors.ask({ ...asked, headers: { ...asked.headers, 'content-type': type } }),
    ]).toMatchObject([type, { status: 400, json: { error_code: 'INVALID_PARAMETER_VALUE' } }])
})

test.each(NAMED)('%s takes no odd value for any member', async (_, route) => {
  const furniture = await furnish()
  for (const member of membersOf(route))
    for (const [i, odd] of ODD.entries())
      await ask(askedWith(route, { ...furniture, [member]: odd }), [member, i])
  // Whatever was taken, the server goes on: what it has is told, and nothing half-uploaded lies about.
  expect(
    await doors.ask({ path: '/api/2.0/mlflow/experiments/search?max_results=1' }),
  ).toMatchObject({ status: 200 })
  expect(await halfUploaded()).toEqual([])
})

/** Each means, or might mean to somebody, a place outside of where it is asked for. Percent-encoded as it is sent. */
const CLIMBING = [
  '..',
  '../..',
  '../../../../etc/passwd',
  'a/../../../b',
  'a/..',
  '.',
  './a',
  'a/./b',
  'a//b',
  '..%2f..%2fetc%2fpasswd',
  '..%2F..%2Fetc',
  '%2e%2e/%2e%2e',
  '%2E%2E%2F',
  '.%2e/',
  '%2e./x',
  '%252e%252e%252f',
  '%25252e%25252e%25252f',
  '..%252fetc',
  '..%c0%af',
  '%c0%ae%c0%ae/',
  '%ff',
  '..%5c..%5cetc',
  '%5cetc',
  'a%5cb',
  '%5c%5chost%5cshare',
  '%2fetc%2fpasswd',
  '//etc/passwd',
  'C:%5cWindows',
  'C:/Windows',
  'c%3a%2fx',
  'file:///etc/passwd',
  'file:%2f%2fetc',
  'a%00b',
  '%00',
  'a%0ab',
  'a%0d%0ab',
  'a%7fb',
  'a%23b',
  '%E0%A4%A',
  `a/${'x'.repeat(256)}`,
  `${'a/'.repeat(600)}b`,
  '%ed%a0%80',
  '..%00/',
  '....%2f%2f..',
  '%u002e%u002e/',
  '..;/..%2f',
]

/** Harmless as text: no file system takes these for a way up. They may be stored, under that name alone. */
const ODD_NAMES = [
  '%E2%80%A4%E2%80%A4',
  '%EF%BC%8E%EF%BC%8E',
  '...',
  '%EF%BC%8Fetc',
  '~',
  '$HOME',
  '%F0%9F%9A%80',
]

const isPathMember = (member: string): boolean => /path/.test(member)
const STARRED = NAMED.filter(([, { path }]) => path.endsWith('*'))
const PLACED = NAMED.filter(([, route]) => membersOf(route).some(isPathMember))

test('there are paths to climb out of', () => {
  expect(STARRED.length).toBeGreaterThan(6)
  expect(PLACED.length).toBeGreaterThan(6)
})

/** Every file that is stored, of whatever root. */
function storedFiles() {
  return doors.store.catalog.read.selectFrom('artifact_files').select(['root', 'path']).execute()
}

/** What the blob store has begun to write and not finished. */
function halfUploaded(): Promise<readonly string[]> {
  return readdir(join(doors.store.folder, 'blobs', 'temp'))
}

test.each(STARRED)('%s takes no path that climbs', async (_, route) => {
  const asked = askedWith(route, { ...(await furnish()), parts: [], path: 'up' })
  const before = await storedFiles()
  for (const path of CLIMBING) {
    const place = asked.path.replace(/artifacts\/new/, `artifacts/${path}`)
    expect([path, await ask({ ...asked, path: place }, path)]).toEqual([path, true])
  }
  expect(await storedFiles()).toEqual(before)
  for (const name of ODD_NAMES)
    await ask({ ...asked, path: asked.path.replace(/artifacts\/new/, `artifacts/${name}`) }, name)
  for (const { path } of await storedFiles()) expect(path.split('/')).not.toContain('..')
  expect(await halfUploaded()).toEqual([])
})

test.each(PLACED)('%s takes no member that climbs', async (_, route) => {
  const furniture = await furnish()
  const before = await storedFiles()
  for (const path of CLIMBING)
    for (const member of membersOf(route).filter(isPathMember)) {
      const reply = await doors.ask(askedWith(route, { ...furniture, [member]: leniently(path) }))
      const { status = 0, text } = reply
      // Whoever lists what cannot be is told so, or finds nothing.
      expect({ path, status, text }).not.toMatchObject({ text: expect.stringContaining('root:') })
      expect({ path, text, isOurs: status < 500 }).toMatchObject({ isOurs: true })
    }
  expect(await storedFiles()).toEqual(before)
  expect(await halfUploaded()).toEqual([])
})

/** As a client that encodes the text itself would send it. */
function leniently(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return `${path}\u0000`
  }
}

import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { as, ARTIFACTS, openDoors, type Doors } from './fixture.ts'

const MPU = '/mlflow-artifacts/mpu'

function refusal(status: number, code: string, message: RegExp = /./) {
  return { status, json: { error_code: code, message: expect.stringMatching(message) } }
}

const badPath = refusal(400, 'INVALID_PARAMETER_VALUE')
const missing = refusal(404, 'RESOURCE_DOES_NOT_EXIST')

async function openRun() {
  const doors = await openDoors()
  const run = await doors.startRun()
  const url = (path: string) => `${ARTIFACTS}/0/${run}/artifacts${path}`
  return {
    ...doors,
    run,
    url,
    put: (path: string, body: string | Uint8Array, type = 'text/plain') =>
      doors.ask({ method: 'PUT', path: url(path), body, headers: { 'content-type': type } }),
    get: (path: string, headers = {}) => doors.ask({ path: url(path), headers }),
  }
}

/** Every artifact that is stored, of whatever root. */
async function stored({ store: { catalog } }: Doors): Promise<readonly string[]> {
  const files = await catalog.read.selectFrom('artifact_files').select('path').execute()
  return files.map(({ path }) => path)
}

/** T01 and T02 of the threats: each means, or might mean to somebody, a place that is not below the run. */
const HOSTILE = [
  '../../etc/passwd',
  '../../../../../../etc/passwd',
  '..%2f..%2fetc%2fpasswd',
  '%2e%2e/%2e%2e/etc/passwd',
  '%2e%2e%2fetc%2fpasswd',
  '%252e%252e%252fetc%252fpasswd',
  '%25252e%25252e/etc/passwd',
  '..\\..\\etc\\passwd',
  '..%5c..%5cetc%5cpasswd',
  '/etc/passwd',
  '%2fetc%2fpasswd',
  'C:%5cwindows%5cwin.ini',
  'a%00b',
  'file:///etc/passwd',
  '.',
  './.',
  '%2e',
  'a/./b',
  'a//b',
  'a/',
  '%c0%ae%c0%ae/etc/passwd',
  '%ff',
  '%E0%A4%A',
  'a%0d%0ax-evil:%201',
  'a%23b',
  'x'.repeat(2_000),
]

test('a path that leaves its run is refused by every route, and nothing is stored or removed', async () => {
  await using doors = await openRun()
  await doors.put('/a/b', 'kept')
  const { ask, post, run, url } = doors
  for (const path of HOSTILE) {
    const decoded = decodeURIComponentLenient(path)
    const query = encodeURIComponent(decoded)
    const trace = (reply: object) => [path, reply]
    const body = { path: 'x', upload_id: 'u', num_parts: 1, parts: [] }
    const replies = [
      await ask({ path: url(`/${path}`) }),
      await ask({ method: 'HEAD', path: url(`/${path}`) }),
      await ask({ method: 'PUT', path: url(`/${path}`), body: 'evil' }),
      await ask({ method: 'DELETE', path: url(`/${path}`) }),
      await post(`${MPU}/create/0/${run}/artifacts/${path}`, body),
      await post(`${MPU}/complete/0/${run}/artifacts/${path}`, body),
      await post(`${MPU}/abort/0/${run}/artifacts/${path}`, body),
      await ask({ path: `/get-artifact?run_id=${run}&path=${query}` }),
      await ask({ path: `/model-versions/get-artifact?name=m&version=1&path=${query}` }),
      await ask({
        method: 'POST',
        path: `/ajax-api/2.0/mlflow/upload-artifact?run_uuid=${run}&path=${query}`,
        body: 'evil',
      }),
    ]
    for (const reply of replies) {
      expect(trace(reply)).toMatchObject([path, { status: 400 }])
      expect(reply.text).not.toContain('root:')
    }
    expect(trace(replies[2] ?? {})).toMatchObject([path, badPath])
  }
  expect(await stored(doors)).toEqual(['a/b'])
})

test('a folder that leaves its run is not listed', async () => {
  await using doors = await openRun()
  const { ask, run } = doors
  const hostile = ['..', '../..', 'a/../..', '/etc', '..\\', '%2e%2e', 'a//b', './.', 'a\u0000']
  for (const path of hostile) {
    const query = encodeURIComponent(path)
    const model = `m-${'0'.repeat(32)}`
    expect([
      path,
      await ask({ path: `/api/2.0/mlflow/artifacts/list?run_id=${run}&path=${query}` }),
    ]).toMatchObject([path, badPath])
    expect([
      path,
      await ask({ path: `${ARTIFACTS}?path=0/${run}/artifacts/${query}` }),
    ]).toMatchObject([path, badPath])
    expect([
      path,
      await ask({
        path: `/api/2.0/mlflow/logged-models/${model}/artifacts/directories?artifact_directory_path=${query}`,
      }),
    ]).toMatchObject([path, missing])
  }
})

test.each(['', '/', '/.', '/%2e', '/./.', '/a/..'])(
  'DELETE of a run’s root as %j removes nothing',
  async (path) => {
    await using doors = await openRun()
    await doors.put('/a', 'kept')
    expect(await doors.ask({ method: 'DELETE', path: doors.url(path) })).toMatchObject(badPath)
    for (const root of ['', '/', '/0', '/0/', `/0/${doors.run}`, '/.', '/..', '/%2e'])
      expect(await doors.ask({ method: 'DELETE', path: ARTIFACTS + root })).toMatchObject({
        status: expect.toSatisfy((status) => status === 400 || status === 404),
      })
    expect(await stored(doors)).toEqual(['a'])
  },
)

test('only minted locations are answered', async () => {
  await using doors = await openRun()
  await doors.put('/a', 'kept')
  const { ask, run } = doors
  for (const path of [
    `/1/${run}/artifacts/a`,
    `/0/${run}/a`,
    `/0/${run}/other/a`,
    `/x/${run}/artifacts/a`,
    '/a',
    `/0/models/${run}/artifacts/a`,
    '/0/models/artifacts/a',
    '/0/none/artifacts/a',
  ])
    for (const method of ['GET', 'PUT', 'DELETE'])
      expect([path, await ask({ method, path: ARTIFACTS + path })]).toMatchObject([path, missing])
  expect(await stored(doors)).toEqual(['a'])
})

test('what was put is read back, in the shapes of MLflow 3.17', async () => {
  await using doors = await openRun()
  expect(await doors.put('/a/b.txt', 'hello')).toMatchObject({ status: 200 })
  await doors.put('/empty.bin', '')
  await doors.put('/%E6%97%A5%20100%25.txt', 'unicode')
  expect(await doors.get('/a/b.txt')).toMatchObject({ status: 200, text: 'hello' })
  expect(await doors.get('/empty.bin')).toMatchObject({
    status: 200,
    text: '',
    headers: { 'content-length': '0' },
  })
  expect(await doors.get('/%E6%97%A5%20100%25.txt')).toMatchObject({ text: 'unicode' })
  // As recorded from `mlflow server` 3.17.2: no size for an empty file, no `files` for an empty folder.
  const files = [
    { path: 'a', is_dir: true },
    { path: 'empty.bin', is_dir: false },
    { path: '日 100%.txt', is_dir: false, file_size: 7 },
  ]
  const { ask, run } = doors
  const location = `0/${run}/artifacts`
  const listed = (path: string) => ask({ path: `${ARTIFACTS}?path=${location}${path}` })
  expect((await listed('')).json).toEqual({ files })
  expect((await listed('/a')).json).toEqual({
    files: [{ path: 'b.txt', is_dir: false, file_size: 5 }],
  })
  for (const nothing of ['/a/b.txt', '/zzz']) expect((await listed(nothing)).json).toEqual({})
  const ofRun = (path: string) =>
    ask({ path: `/api/2.0/mlflow/artifacts/list?run_id=${run}${path}` })
  const root_uri = `mlflow-artifacts:/${location}`
  expect((await ofRun('')).json).toEqual({ root_uri, files })
  expect((await ofRun('&path=a')).json).toEqual({
    root_uri,
    files: [{ path: 'a/b.txt', is_dir: false, file_size: 5 }],
  })
  expect((await ofRun('&path=zzz')).json).toEqual({ root_uri })
  expect(await ask({ path: '/api/2.0/mlflow/artifacts/list?run_id=none' })).toMatchObject(missing)
  expect(await ask({ path: '/api/2.0/mlflow/artifacts/list' })).toMatchObject(
    refusal(400, 'INVALID_PARAMETER_VALUE', /run_id/),
  )
  expect(await doors.get('/nope')).toMatchObject(missing)
  expect(await doors.get('/a')).toMatchObject(badPath)
  expect(await doors.put('/a', 'x')).toMatchObject(badPath)
  expect(await doors.put('/a/b.txt/c', 'x')).toMatchObject(badPath)
  expect(await ask({ method: 'DELETE', path: doors.url('/nope') })).toMatchObject({
    status: 200,
    json: {},
  })
  expect(await ask({ method: 'DELETE', path: doors.url('/a') })).toMatchObject({
    status: 200,
    json: {},
  })
  expect(await doors.get('/a/b.txt')).toMatchObject(missing)
})

test('a page of somebody else never runs in the browser: it is an attachment of bytes', async () => {
  await using doors = await openRun()
  const active = [
    'text/html',
    'image/svg+xml',
    'application/xhtml+xml',
    'text/javascript',
    'text/css',
    'TEXT/HTML; charset=utf-8',
    'x',
  ]
  for (const [i, type] of active.entries()) {
    await doors.put(`/${i}.html`, '<script>1</script>', type)
    const safe = {
      status: 200,
      headers: {
        'content-type': 'application/octet-stream',
        'content-disposition': `attachment; filename=${i}.html`,
        'x-content-type-options': 'nosniff',
        'content-security-policy': "default-src 'none'; sandbox",
      },
    }
    expect([type, await doors.get(`/${i}.html`)]).toMatchObject([type, safe])
    expect(
      await doors.ask({ path: `/get-artifact?run_id=${doors.run}&path=${i}.html` }),
    ).toMatchObject(safe)
  }
})

test('an attachment keeps its name, in ASCII too where it is not', async () => {
  await using doors = await openRun()
  // The first two as recorded from `mlflow server` 3.17.2.
  for (const [path, expected] of [
    ['/b.bin', 'attachment; filename=b.bin'],
    ['/l%C3%A4uft.txt', "attachment; filename=lauft.txt; filename*=UTF-8''l%C3%A4uft.txt"],
    ['/%E6%97%A5', "attachment; filename=download; filename*=UTF-8''%E6%97%A5"],
    ['/a%20b.png', 'attachment; filename="a b.png"'],
    ['/%22.png', String.raw`attachment; filename="\".png"`],
    ['/(1)%C3%A9', 'attachment; filename="(1)e"; filename*=UTF-8\'\'%281%29%C3%A9'],
  ] as const) {
    await doors.put(path, 'x', 'image/png')
    expect((await doors.get(path)).headers).toMatchObject({
      'content-type': 'image/png',
      'content-disposition': expected,
    })
  }
})

test('a download goes on where it broke off, and only of the same bytes', async () => {
  await using doors = await openRun()
  await doors.put('/a', '0123456789')
  const { headers } = await doors.get('/a')
  const etag = headers.etag ?? ''
  expect(headers).toMatchObject({ 'accept-ranges': 'bytes', 'content-length': '10' })
  expect(await doors.get('/a', { range: 'bytes=3-5' })).toMatchObject({
    status: 206,
    text: '345',
    headers: { 'content-range': 'bytes 3-5/10', 'content-length': '3', etag },
  })
  expect(await doors.get('/a', { range: 'bytes=7-', 'if-range': etag })).toMatchObject({
    status: 206,
    text: '789',
  })
  expect(await doors.get('/a', { range: 'bytes=7-', 'if-range': '"else"' })).toMatchObject({
    status: 200,
    text: '0123456789',
  })
  expect(await doors.get('/a', { range: 'bytes=10-' })).toMatchObject({
    status: 416,
    text: '',
    headers: { 'content-range': 'bytes */10' },
  })
  const many = `bytes=${Array.from({ length: 1_500 }, (_, i) => `${i % 9}-9`).join(',')}`
  for (const range of ['bytes=--1', many])
    expect(await doors.get('/a', { range })).toMatchObject({ status: 200, text: '0123456789' })
  expect(await doors.get('/a', { 'if-none-match': etag })).toMatchObject({ status: 304, text: '' })
  expect(await doors.ask({ method: 'HEAD', path: doors.url('/a') })).toMatchObject({
    status: 200,
    text: '',
    headers: { 'content-length': '10' },
  })
})

test.each([
  ['told', 'content-length: 1000000'],
  ['chunked', 'transfer-encoding: chunked'],
])('an upload cut off in the middle, its length %s, leaves nothing', async (_how, header) => {
  await using doors = await openRun()
  const { port, store, url } = doors
  const temp = join(store.folder, 'blobs', 'temp')
  const socket = connect(port, '127.0.0.1')
  socket.write(`PUT ${url('/cut')} HTTP/1.1\r\nhost: 127.0.0.1\r\n${header}\r\n\r\n`)
  socket.write(header.includes('chunked') ? `400\r\n${'x'.repeat(1_024)}\r\n` : 'x'.repeat(1_024))
  await vi.waitFor(async () => expect(await readdir(temp)).toHaveLength(1))
  socket.destroy()
  await once(socket, 'close')
  await vi.waitFor(async () => expect(await readdir(temp)).toHaveLength(0))
  expect(await stored(doors)).toEqual([])
  expect(await doors.get('/cut')).toMatchObject(missing)
})

test('two megabytes come back byte for byte', async () => {
  await using doors = await openRun()
  const content = Buffer.alloc(2_000_003, 'gyre ')
  await doors.put('/big', content, 'application/octet-stream')
  expect((await doors.get('/big')).text).toBe(String(content))
})

test('whoever may only read stores and removes nothing; another project sees nothing', async () => {
  await using doors = await openDoors({ keyless: false })
  const run = await doors.startRun()
  const path = `${ARTIFACTS}/0/${run}/artifacts/a`
  const [viewer, member] = [await doors.makeKey('v', 'viewer'), await doors.makeKey('m', 'member')]
  expect(await doors.ask({ method: 'PUT', path, body: 'x' })).toMatchObject({ status: 401 })
  expect(await doors.ask({ method: 'PUT', path, body: 'x', headers: as(viewer) })).toMatchObject(
    refusal(403, 'PERMISSION_DENIED'),
  )
  expect(await doors.ask({ method: 'PUT', path, body: 'x', headers: as(member) })).toMatchObject({
    status: 200,
  })
  expect(await doors.ask({ method: 'DELETE', path, headers: as(viewer) })).toMatchObject({
    status: 403,
  })
  expect(await doors.ask({ path, headers: as(viewer) })).toMatchObject({ status: 200, text: 'x' })
  expect(await doors.ask({ path: `/get-artifact?run_id=${run}&path=a` })).toMatchObject({
    status: 401,
    json: { error_code: 'UNAUTHENTICATED' },
  })
})

test('the page’s own upload takes 10 MB at most', async () => {
  await using doors = await openRun()
  const path = `/ajax-api/2.0/mlflow/upload-artifact?run_uuid=${doors.run}&path=up/x.txt`
  expect(await doors.ask({ method: 'POST', path, body: 'up' })).toMatchObject({ status: 200 })
  expect(await doors.get('/up/x.txt')).toMatchObject({ text: 'up' })
  expect(
    await doors.ask({
      method: 'POST',
      path,
      headers: { 'content-length': String(10_485_761) },
      body: Buffer.alloc(10_485_761),
    }),
  ).toMatchObject(refusal(400, 'INVALID_PARAMETER_VALUE', /10MB/))
})

test('presigned URLs are refused as by a server that proxies', async () => {
  await using doors = await openRun()
  const body = { run_id: doors.run, path: 'a' }
  for (const what of ['upload', 'download'])
    expect(await doors.post(`/mlflow/artifacts/presigned-${what}-url`, body)).toMatchObject(
      refusal(400, 'INVALID_PARAMETER_VALUE', /not supported for proxied artifact storage/),
    )
  expect(
    await doors.ask({ path: `/api/2.0/mlflow-artifacts/presigned/0/${doors.run}/artifacts/a` }),
  ).toMatchObject(refusal(501, 'NOT_IMPLEMENTED'))
})

test('a client learns without a key what the server can do, and for which MLflow it stands', async () => {
  await using doors = await openDoors({ keyless: false })
  expect(await doors.ask({ path: '/version' })).toMatchObject({ status: 200, text: '3.17.2' })
  expect(await doors.ask({ path: '/api/3.0/mlflow/server-info' })).toMatchObject({
    status: 200,
    json: { multipart_uploads_enabled: true, multipart_downloads_enabled: false },
  })
})

/** What a client that encodes the text itself would send for this path. */
function decodeURIComponentLenient(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return `${path}\u0000`
  }
}

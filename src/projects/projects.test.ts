import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Manifest } from '@gyre/sdk/wire/manifest'
import type { z } from 'zod'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fakeClock } from '../core/clock.ts'
import { digestOf, type Digest } from '../core/digest.ts'
import { silentLog } from '../core/log.ts'
import { openStore, type Store } from '../store/store.ts'
import { createProjects, type Projects } from './projects.ts'

const ctx = { project: 'default', actor: 'local', requestId: 'r1' }
const MISSING = digestOf('never uploaded')

const V1 = {
  protocol: 1,
  name: 'shop',
  card: null,
  datasets: [
    {
      name: 'visits',
      source: { format: 'csv', path: './visits.csv' },
      columns: { at: { type: 'timestamp' }, clicks: { type: 'int', max: 100 } },
      at: 'at',
    },
  ],
  views: [],
  transforms: [
    {
      name: 'double',
      from: ['clicks'],
      gives: ['twice'],
      chunk: 'double-A.mjs',
      digest: digestOf('double'),
      export: 'double',
    },
  ],
  pipelines: [],
  endpoints: [
    { name: 'shop', model: 'shop', subject: 'visit', input: { clicks: { type: 'int' } } },
  ],
  monitors: [],
  triggers: [],
} satisfies z.input<typeof Manifest>

let folder: string
let store: Store
let projects: Projects

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gyre-'))
  const config = { analyticsMemoryMb: 256 }
  store = await openStore({ folder, clock: fakeClock(), log: silentLog, config })
  projects = createProjects({ ...store, clock: fakeClock('2026-01-01T00:00:00.000Z') })
})
afterEach(async () => {
  await store.close()
  await rm(folder, { recursive: true })
})

async function upload(files: Readonly<Record<string, string>>): Promise<Digest> {
  const entries = Object.entries(files).map(async ([path, text]) => ({
    path,
    artifact: await store.blobs.put(Buffer.from(text), { mediaType: 'text/javascript' }),
  }))
  return (await store.blobs.putTree(await Promise.all(entries))).digest
}

const uploadV1 = () => upload({ 'gyre.config.mjs': 'export {}', 'double-A.mjs': 'export {}' })

async function apply(
  manifest: z.input<typeof Manifest>,
  bundle: Digest,
  { dryRun = false, project = 'default', uncommitted = undefined as Digest | undefined } = {},
) {
  const request = {
    manifest: Manifest.parse(manifest),
    bundle,
    ...(uncommitted && { uncommitted }),
  }
  return projects.apply({ ...ctx, project }, request, { dryRun })
}

test('nothing is in force before something was applied', async () => {
  await expect(projects.current(ctx)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  expect(await projects.find(ctx)).toBeUndefined()
  await expect(projects.version(ctx, 'code:shop@1')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await expect(projects.version(ctx, 'model:shop@1')).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  })
})

test('a manifest without its bundle, or naming code that is not in it, leaves nothing behind', async () => {
  await expect(apply(V1, MISSING)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await expect(apply(V1, await upload({ 'gyre.config.mjs': '' }))).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    details: { field: 'transforms.double.chunk' },
  })
  const dangling = {
    ...V1,
    monitors: [
      { name: 'weekly', endpoint: 'shops', every: '7d', from: '2026-01-01T00:00:00Z', lag: '0' },
    ],
  }
  await expect(apply(dangling, await uploadV1())).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    details: { field: 'monitors.weekly.endpoint' },
  })
  expect(await projects.find(ctx)).toBeUndefined()
  expect(await store.events.latest({ types: ['code.applied'] })).toBeUndefined()
})

test('applying makes version 1 with its event; applying the same again changes nothing', async () => {
  const bundle = await uploadV1()
  const first = await apply(V1, bundle)
  expect(first).toMatchObject({ ref: 'code:shop@1', applied: true })
  expect(first.changes).toEqual([
    { kind: 'dataset', name: 'visits', change: 'added', fields: [] },
    { kind: 'transform', name: 'double', change: 'added', fields: [] },
    { kind: 'endpoint', name: 'shop', change: 'added', fields: [] },
  ])
  expect(await projects.current(ctx)).toMatchObject({
    ref: 'code:shop@1',
    bundleDigest: bundle,
    manifest: Manifest.parse(V1),
    appliedAt: '2026-01-01T00:00:00.000Z',
    actor: 'local',
  })
  const event = await store.events.latest({ types: ['code.applied'] })
  expect(event).toMatchObject({ subject: { kind: 'code', id: 'shop@1' }, data: { bundle } })

  const again = await apply(V1, bundle)
  expect(again).toMatchObject({ ref: 'code:shop@1', applied: false })
  expect(again.changes.map(({ change }) => change)).toEqual(['unchanged', 'unchanged', 'unchanged'])
  expect(await store.events.latest({ types: ['code.applied'] })).toEqual(event)
})

test('the version moves on with the manifest or with the bundle, and the old one can still be read', async () => {
  const bundle = await uploadV1()
  await apply(V1, bundle)
  const other = await upload({
    'gyre.config.mjs': 'export {}',
    'double-A.mjs': 'export const x = 1',
  })
  expect(await apply(V1, other)).toMatchObject({ ref: 'code:shop@2', applied: true })
  expect(await apply({ ...V1, endpoints: [] }, other)).toMatchObject({ ref: 'code:shop@3' })
  expect(await projects.version(ctx, 'code:shop@1')).toMatchObject({ bundleDigest: bundle })
  expect((await projects.current(ctx)).manifest.endpoints).toEqual([])
})

test('a plan tells the fields that differ and changes nothing', async () => {
  const bundle = await uploadV1()
  await apply(V1, bundle)
  const [visits] = V1.datasets
  const next = {
    ...V1,
    datasets: [{ ...visits, columns: { ...visits?.columns, clicks: { type: 'int', max: 200 } } }],
    endpoints: [],
    card: { task: 't', metric: 'auc', baseline: 'b', thresholds: {}, owner: 'o' },
  } as z.input<typeof Manifest>
  const reply = await apply(next, bundle, { dryRun: true })
  expect(reply).toMatchObject({ ref: 'code:shop@2', applied: false })
  expect(reply.changes).toEqual([
    { kind: 'project', name: 'shop', change: 'added', fields: [] },
    { kind: 'dataset', name: 'visits', change: 'changed', fields: ['columns.clicks.max'] },
    { kind: 'transform', name: 'double', change: 'unchanged', fields: [] },
    { kind: 'endpoint', name: 'shop', change: 'removed', fields: [] },
  ])
  expect(await projects.current(ctx)).toMatchObject({ ref: 'code:shop@1' })
})

test('what goes with a manifest is written with it or not at all', async () => {
  const bundle = await uploadV1()
  const request = { manifest: Manifest.parse(V1), bundle }
  const broken = { dryRun: false, also: () => Promise.reject(new Error('no room')) }
  await expect(projects.apply(ctx, request, broken)).rejects.toThrow('no room')
  expect(await projects.find(ctx)).toBeUndefined()
  expect(await store.events.latest()).toBeUndefined()

  const seen: string[] = []
  const also = async (_tx: unknown, ref: string) => void seen.push(ref)
  await projects.apply(ctx, request, { dryRun: true, also })
  expect(seen).toEqual([])
  await projects.apply(ctx, request, { dryRun: false, also })
  await projects.apply(ctx, request, { dryRun: false, also })
  expect(seen).toEqual(['code:shop@1'])
})

test('a project holds the definitions of one manifest; another project holds its own', async () => {
  const bundle = await uploadV1()
  await apply(V1, bundle)
  await expect(apply({ ...V1, name: 'other' }, bundle)).rejects.toMatchObject({
    code: 'CONFLICT',
    details: { field: 'name', current: 'code:shop@1' },
  })
  expect(await apply({ ...V1, name: 'other' }, bundle, { project: 'second' })).toMatchObject({
    ref: 'code:other@1',
  })
  expect(await projects.current(ctx)).toMatchObject({ ref: 'code:shop@1' })
})

test('two who apply at once get two versions', async () => {
  const bundle = await uploadV1()
  const both = await Promise.all([apply(V1, bundle), apply({ ...V1, endpoints: [] }, bundle)])
  expect(both.map(({ ref }) => ref).toSorted()).toEqual(['code:shop@1', 'code:shop@2'])
})

test('a bundle is unpacked once, whole, and what a dead process left is swept', async () => {
  const code = join(folder, 'code')
  const bundle = await upload({
    'gyre.config.mjs': 'export const a = 1',
    'deep/er.mjs': 'export {}',
  })
  await expect(projects.bundleFolder(MISSING)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await writeFile(join(code, '.unpack_of_a_dead_process'), '')
  projects = createProjects({ ...store, clock: fakeClock() })
  const [first, second] = await Promise.all([
    projects.bundleFolder(bundle),
    projects.bundleFolder(bundle),
  ])
  expect(first).toBe(second)
  expect(first).toBe(join(code, bundle.replace('sha256:', '')))
  expect(await readdir(code)).toEqual([bundle.replace('sha256:', '')])
  expect(await readFile(join(first, 'gyre.config.mjs'), 'utf8')).toBe('export const a = 1')
  expect(await readdir(join(first, 'deep'))).toEqual(['er.mjs'])
})

test('a version tells where its code was when it was first applied; the same code moved makes no other', async () => {
  const bundle = await uploadV1()
  const manifest = Manifest.parse(V1)
  const source = { gitCommit: 'c'.repeat(40), dirty: true, diffDigest: MISSING }
  const request = { manifest, bundle, source }
  expect((await projects.apply(ctx, request, { dryRun: false })).applied).toBe(true)
  const moved = { ...request, source: { gitCommit: 'd'.repeat(40), dirty: false } }
  expect((await projects.apply(ctx, moved, { dryRun: false })).applied).toBe(false)
  expect((await projects.current(ctx)).source).toEqual(source)
})

test('what no commit had of the code must be stored before it is kept with its version', async () => {
  const bundle = await uploadV1()
  await expect(apply(V1, bundle, { uncommitted: MISSING })).rejects.toMatchObject({
    code: 'NOT_FOUND',
  })
  const lost = {
    path: 'uncommitted.diff',
    artifact: { digest: MISSING, bytes: 1, mediaType: 'x/y' },
  }
  const hollow = await store.blobs.put(Buffer.from(JSON.stringify({ entries: [lost] })))
  await expect(apply(V1, bundle, { uncommitted: hollow.digest })).rejects.toMatchObject({
    code: 'NOT_FOUND',
    message: expect.stringContaining('uncommitted: uncommitted.diff of'),
  })
  expect(await projects.find(ctx)).toBeUndefined()
  const uncommitted = await upload({ 'uncommitted.diff': 'diff --git a/x b/x\n' })
  const { ref } = await apply(V1, bundle, { uncommitted })
  expect(await projects.version(ctx, ref)).toMatchObject({ uncommitted })
})

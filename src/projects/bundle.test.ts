import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bundleEntries, bundleProject, type Bundle } from './bundle.ts'

const PROJECT = {
  'package.json': '{ "name": "@acme/shop", "type": "module" }',
  'gyre.config.ts': `
    import { pipeline, step } from '@gyre/sdk'
    const scale = 3
    export const train = pipeline('train', {}, () => {
      step('fit', async () => (await import('./steps/fit.ts')).fit)({ scale })
      step('baseline', () => import('./steps/baseline.ts').then((m) => m.baseline))({})
    })`,
  'steps/fit.ts': `
    import { twice } from '../twice.ts'
    export async function fit(_ctx: unknown, inputs: { scale: number }) { return twice(inputs.scale) }`,
  'steps/baseline.ts': `
    import { twice } from '../twice.ts'
    export const baseline = async () => twice(1)`,
  'twice.ts': 'export const twice = (x: number): number => x + x',
}

let root: string

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'gyre-'))
})
afterAll(() => rm(root, { recursive: true }))

async function bundleOf(place: string, changes: Readonly<Record<string, string>> = {}) {
  const folder = join(root, place)
  for (const [path, text] of Object.entries({ ...PROJECT, ...changes })) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  return bundleProject(folder)
}

function digestsOf({ modules }: Bundle): Readonly<Record<string, string>> {
  const named = [...modules].map(
    ([path, { digest }]) => [path.split('-')[0] ?? '', digest] as const,
  )
  return Object.fromEntries(named)
}

test('a folder without a config is refused by path', async () => {
  await mkdir(join(root, 'empty'))
  await expect(bundleProject(join(root, 'empty'))).rejects.toMatchObject({
    code: 'NOT_FOUND',
    message: expect.stringContaining(`no gyre.config.ts in ${join(root, 'empty')}`),
  })
})

test.each([
  ['a syntax error', { 'steps/fit.ts': 'export const fit =\n  async ( => 1' }, 'steps/fit.ts:2:'],
  ['a missing module', { 'twice.ts': "\nimport './thrice.ts'" }, 'twice.ts:2:8: Could not resolve'],
  [
    'a missing package',
    { 'twice.ts': "import 'no-such-package'" },
    'twice.ts:1:8: Could not resolve',
  ],
  ['a package.json that does not parse', { 'package.json': '[' }, 'package.json:1:'],
  [
    'a package without a proper name',
    { 'package.json': '{ "name": 5 }' },
    'package.json: expected `name`',
  ],
])('%s is refused by file and line', async (title, changes, message) => {
  await expect(bundleOf(title, changes)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining(message),
  })
})

test('the same project gives the same bytes wherever it lies', async () => {
  const first = await bundleOf('one')
  await cp(join(root, 'one'), join(root, 'far/away/from/one'), { recursive: true })
  const second = await bundleProject(join(root, 'far/away/from/one'))
  expect(bundleEntries(second)).toEqual(bundleEntries(first))
  expect(second.modules).toEqual(first.modules)
  expect(bundleEntries(first).length).toBeGreaterThanOrEqual(3)
  for (const contents of first.files.values())
    expect(Buffer.from(contents).toString()).not.toContain(root)
})

test('the digest of a step follows its own code and what it imports, not its neighbours', async () => {
  const before = digestsOf(await bundleOf('original'))
  const neighbour = digestsOf(
    await bundleOf('neighbour', {
      'steps/baseline.ts':
        'export const baseline = async () => 0 // no longer shares a module with fit',
      'gyre.config.ts': PROJECT['gyre.config.ts'].replace('scale = 3', 'scale = 4'),
    }),
  )
  expect(neighbour['fit']).toBe(before['fit'])
  expect(neighbour['baseline']).not.toBe(before['baseline'])

  const imported = digestsOf(
    await bundleOf('imported', { 'twice.ts': 'export const twice = (x: number) => 2 * x' }),
  )
  expect(imported['fit']).not.toBe(before['fit'])

  const comment = digestsOf(
    await bundleOf('comment', { 'steps/fit.ts': `// a remark\n${PROJECT['steps/fit.ts']}` }),
  )
  expect(comment['fit']).toBe(before['fit'])
})

test('a project is called like its package, without the scope', async () => {
  expect((await bundleOf('named')).packageName).toBe('shop')
})

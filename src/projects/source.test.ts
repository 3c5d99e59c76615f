import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { locateSource } from './source.ts'

const dataset = (path: string) => ({ name: 'visits', source: { format: 'csv', path } }) as const

let root: string

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'gyre-'))
  await mkdir(join(root, 'node_modules/closed/data'), { recursive: true })
  await mkdir(join(root, 'projects/shop'), { recursive: true })
  await writeFile(join(root, 'node_modules/closed/package.json'), '{ "exports": {} }')
  await writeFile(join(root, 'node_modules/closed/data/visits.csv'), '')
  await writeFile(join(root, 'projects/shop/visits.csv'), '')
})
afterAll(() => rm(root, { recursive: true }))

test.each([
  './nothing.csv',
  '../visits.csv',
  '/nowhere/visits.csv',
  'closed/data/nothing.csv',
  'open/visits.csv',
])('a file that is not there is refused with where it was looked for: %s', (path) => {
  expect(() => locateSource(join(root, 'projects/shop'), dataset(path))).toThrow(
    expect.objectContaining({
      code: 'NOT_FOUND',
      message: expect.stringMatching(`^dataset visits: no ${path}; looked at /`),
    }),
  )
})

test('a relative path starts at the project', () => {
  expect(locateSource(join(root, 'projects/shop'), dataset('./visits.csv'))).toBe(
    join(root, 'projects/shop/visits.csv'),
  )
})

test('a package is found above the project, whatever it exports', () => {
  expect(locateSource(join(root, 'projects/shop'), dataset('closed/data/visits.csv'))).toBe(
    join(root, 'node_modules/closed/data/visits.csv'),
  )
})

test('the flights example finds its file', () => {
  const path = 'vega-datasets/data/flights-3m.parquet'
  expect(locateSource('examples/flights', dataset(path))).toMatch(/flights-3m\.parquet$/)
})

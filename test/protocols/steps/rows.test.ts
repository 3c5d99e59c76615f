import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { openShop } from './shop.ts'

const REQUIREMENTS = fileURLToPath(new URL('../mlflow/requirements.txt', import.meta.url))

const CONFIG = `
import { boolean, csv, dataset, field, int, number, pipeline, python, rate, step, text, timestamp, trainingSet } from '@gyre/sdk'
export const visits = dataset('visits', {
  source: csv('./visits.csv'),
  columns: {
    at: timestamp(),
    clicks: int().nullable(),
    price: number(),
    page: text(),
    bought: boolean(),
  },
  at: 'at',
  label: { column: 'bought', knownAt: 'at' },
})
export const read = pipeline('read', {}, () => {
  const rows = trainingSet('rows', {
    from: visits,
    until: '2026-01-03T00:00:00Z',
    window: '3d',
    holdout: '1d',
    inputs: [field('clicks'), field('price'), rate('page')],
  })
  const options = { requirements: 'requirements.lock' }
  step('parquet', python('read.py', options))({ rows: rows.train })
  step('arrow', python('read.py', { ...options, inputs: 'arrow' }))({ rows: rows.train })
})
`

const VISITS = `at,clicks,price,page,bought
2026-01-01T00:00:00.5Z,3,0.1,home,true
2026-01-01T01:00:00Z,,2.5,"a, ""b""",false
2026-01-01T02:00:00Z,-7,1e300,café,true
2026-01-02T12:00:00Z,1,1,home,false
`

const Step = z.object({ step: z.string(), outputs: z.unknown(), error: z.unknown() })
const Page = z.object({ runs: z.tuple([z.object({ steps: z.array(Step) })]) })

test('pandas and pyarrow read the rows of a step, as Parquet and as Arrow, to the same values', async () => {
  const read = await readFile(new URL('./read.py', import.meta.url), 'utf8')
  const files = { 'gyre.config.ts': CONFIG, 'visits.csv': VISITS, 'read.py': read }
  const { cli, server } = await openShop(files, REQUIREMENTS)
  expect((await cli('data', 'import', 'visits')).code).toBe(0)
  await cli('pipeline', 'run', 'read')
  const reply = await fetch(`${server.url}/api/v1/pipeline-runs?limit=1`)
  const { runs } = Page.parse(await reply.json())
  const [, parquet, arrow] = runs[0].steps
  expect([parquet?.error, arrow?.error]).toEqual([null, null])
  const values = {
    at: ['2026-01-01T00:00:00.500000', '2026-01-01T01:00:00', '2026-01-01T02:00:00'],
    clicks: [3, null, -7],
    price: [0.1, 2.5, 1e300],
    page: ['home', 'a, "b"', 'café'],
  }
  expect(parquet?.outputs).toEqual({ suffix: '', values: expect.objectContaining(values) })
  expect(arrow?.outputs).toEqual({
    ...z.looseObject({}).parse(parquet?.outputs),
    suffix: '.arrow',
  })
}, 1_800_000)

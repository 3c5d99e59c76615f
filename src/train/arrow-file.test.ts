import { tableFromIPC } from 'apache-arrow'
import { expect, onTestFinished, test } from 'vitest'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openAnalyticsInProcess } from '../store/analytics-in-process.ts'
import { arrowFile } from './arrow-file.ts'

const ROWS = `
SELECT * FROM (VALUES
  (1::INTEGER, 9007199254740991::BIGINT, 0.5::DOUBLE, true, 'é', TIMESTAMP '2026-01-01 00:00:00.000001'),
  (NULL, NULL, NULL, NULL, NULL, NULL),
  (-3, -1, 'NaN', false, '', TIMESTAMP '1969-12-31 23:59:59.5')
) AS told(i, b, d, t, s, "when")`

test('columns are what they were, NULLs and all, for a reader of Arrow', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gyre-arrow-'))
  const analytics = await openAnalyticsInProcess({
    folders: [folder],
    tempFolder: join(folder, 'spill'),
    memoryMb: 128,
  })
  onTestFinished(async () => {
    await analytics.close()
    await rm(folder, { recursive: true })
  })
  const bytes = arrowFile(await analytics.columns(ROWS))
  // The file format, not the stream: ARROW1 at both ends.
  expect(Buffer.from(bytes).toString('latin1')).toMatch(/^ARROW1[^]*ARROW1$/)
  const table = tableFromIPC(bytes)
  expect(table.schema.fields.map(({ name, type }) => `${name}: ${String(type)}`)).toEqual([
    'i: Int32',
    'b: Int64',
    'd: Float64',
    't: Bool',
    's: Dictionary<Int32, Utf8>',
    'when: Timestamp<MICROSECOND>',
  ])
  const values = (name: string): unknown[] => [...(table.getChild(name) ?? [])]
  expect(values('i')).toEqual([1, null, -3])
  expect(values('b')).toEqual([9007199254740991n, null, -1n])
  expect(values('d')).toEqual([0.5, null, NaN])
  expect(values('t')).toEqual([true, null, false])
  expect(values('s')).toEqual(['é', null, ''])
  expect(values('when')).toEqual([1767225600000.001, null, -500])
})

test('no rows at all are a file too', () => {
  const none = { kind: 'float', name: 'x', type: 'DOUBLE', values: new Float64Array() } as const
  expect(tableFromIPC(arrowFile({ rowCount: 0, columns: [none] })).numRows).toBe(0)
})

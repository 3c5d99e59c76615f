import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createLog } from './log.ts'

test.skipIf(!existsSync('/dev/full'))(
  'a log whose disk is full loses its lines and stops nothing (needs /dev/full)',
  () => {
    const log = createLog('info', '/dev/full')
    expect(() => log.info('lost')).not.toThrow()
  },
)

test('a line is in the file when the call returns, after those of an earlier log', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gyre-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'gyre.log')
  createLog('info', file).info('first')
  createLog('info', file).error({ port: 7400 }, 'second')
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n')
  expect(lines.map((line): unknown => JSON.parse(line))).toMatchObject([
    { level: 30, msg: 'first' },
    { level: 50, msg: 'second', port: 7400 },
  ])
})

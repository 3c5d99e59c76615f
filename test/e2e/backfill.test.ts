import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test, vi } from 'vitest'
import { tempFolder } from '../../src/store/contract/temp-folder.ts'
import { begin, build, gyre, launch, up } from './program.ts'

beforeAll(build)

const CONFIG = `
import { daily, int, pipeline, setting, step } from '@gyre/sdk'
const folder = setting('folder', '')
const load = step('load', async () => (await import('./load.ts')).load)
export const nightly = pipeline('nightly', { day: daily('2026-01-28'), seed: int(7) }, ({ day }) => {
  load({ day, folder })
})
`
/** Tells of every day that it begins; those of February wait while they are held. */
const LOAD = `
import { appendFileSync, existsSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { StepContext } from '@gyre/sdk'
export async function load(_ctx: StepContext, { day, folder }: { day: string; folder: string }) {
  appendFileSync(folder + '/begun', day.slice(0, 10) + '\\n')
  while (day >= '2026-02' && existsSync(folder + '/hold')) await delay(20)
  return { day }
}
`

const cli = (url: string, ...args: readonly string[]) => gyre([...args, '--url', url])

test('a backfill whose server was killed goes on, with no day twice but those that were under way', async () => {
  const folder = await tempFolder()
  const [project, data] = [join(folder, 'nightly'), join(folder, 'data')]
  await mkdir(project)
  await writeFile(join(project, 'package.json'), '{"name":"nightly","type":"module"}')
  await writeFile(join(project, 'gyre.config.ts'), CONFIG)
  await writeFile(join(project, 'load.ts'), LOAD)
  await writeFile(join(folder, 'hold'), '')
  const begun = async () =>
    (await readFile(join(folder, 'begun'), 'utf8').catch(() => '')).split('\n').slice(0, -1)

  const dying = await launch(data)
  await cli(dying.url, 'apply', project, '--set', `folder=${folder}`)
  const bounds = ['--from', '2026-01-28', '--to', '2026-02-05']
  const backfill = ['pipeline', 'backfill', 'nightly', ...bounds, '--concurrency', '2']
  const waiting = begin([...backfill, '--url', dying.url])
  await vi.waitFor(async () => expect(await begun()).toHaveLength(6), {
    timeout: 60_000,
    interval: 50,
  })
  await dying.stop('SIGKILL')
  expect(await waiting.ended).toMatchObject({ code: 1 })
  await rm(join(folder, 'hold'))

  const server = await up(data)
  await vi.waitFor(
    async () => {
      const { stdout } = await cli(server.url, 'pipeline', 'backfills')
      expect(stdout).toMatch(/nightly +succeeded +8 of 8/)
    },
    { timeout: 60_000, interval: 100 },
  )
  const days = ['01-28', '01-29', '01-30', '01-31', '02-01', '02-02', '02-03', '02-04']
  const times = new Map(days.map((day) => [`2026-${day}`, 1]))
  times.set('2026-02-01', 2).set('2026-02-02', 2)
  const told = await begun()
  expect(
    new Map([...times.keys()].map((day) => [day, told.filter((d) => d === day).length])),
  ).toEqual(times)
  const listed = await cli(server.url, 'pipeline', 'partitions', 'nightly', ...bounds)
  expect(listed.stdout.match(/succeeded/g)).toHaveLength(8)
  expect(await cli(server.url, 'pipeline', 'backfill', 'nightly', ...bounds)).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/succeeded, 0 of 0/),
  })
  expect(
    await cli(server.url, 'pipeline', 'backfill', 'nightly', '--from', '2026-02-30'),
  ).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/from: expected the start of a day in UTC/),
  })
})

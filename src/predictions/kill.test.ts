import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { systemClock } from '../core/clock.ts'
import { silentLog } from '../core/log.ts'
import { siblingUrl, spawnProcess } from '../core/spawn.ts'
import { openStore } from '../store/store.ts'
import { FEEDBACK_COLUMNS } from './feedback-row.ts'

/** Batches to see accepted before the process is killed. */
const ENOUGH_BATCHES = 25

test('feedback that was accepted outlives SIGKILL, and no batch is half there', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gyre-'))
  try {
    const accepted = await acceptedUntilKilled(folder)
    expect(accepted.size).toBeGreaterThanOrEqual(ENOUGH_BATCHES * 20)
    const kept = await keptIds(folder)
    expect([...accepted].filter((id) => !kept.includes(id))).toEqual([])
    expect(new Set(kept).size).toBe(kept.length)
    expect(kept.length % 20).toBe(0)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

async function acceptedUntilKilled(folder: string): Promise<Set<string>> {
  const child = spawnProcess(siblingUrl('./fixture/feedback-sender', import.meta.url), [folder], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  let printed = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    printed += text
    if (printed.split('\n').length > ENOUGH_BATCHES) child.kill('SIGKILL')
  })
  await once(child, 'close')
  const whole = printed.slice(0, printed.lastIndexOf('\n') + 1)
  return new Set(whole.split(/\s/).filter((id) => id !== ''))
}

async function keptIds(folder: string): Promise<readonly string[]> {
  const store = await openStore({
    folder,
    clock: systemClock,
    log: silentLog,
    config: { analyticsMemoryMb: 128 },
  })
  try {
    const feedback = store.rows.stream('feedback', {
      durability: 'fsync',
      columns: FEEDBACK_COLUMNS,
    })
    const source = await feedback.sql()
    const rows = await store.analytics.query(`SELECT prediction_id FROM ${source.sql} AS f`)
    source.release()
    return rows.map(({ prediction_id: id }) => z.string().parse(id))
  } finally {
    await store.close()
  }
}

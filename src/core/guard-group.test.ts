import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { expect, test, vi } from 'vitest'

const GUARD = JSON.stringify(new URL('guard-group.ts', import.meta.url).href)

/** A process that guards its group, where it leads one, and has started one that sleeps; with the sleeper's id. */
async function guarded(detached: boolean) {
  const code = `
    import { spawn } from 'node:child_process'
    const { guardGroup } = await import(${GUARD})
    guardGroup()
    console.log(spawn('sleep', ['600'], { stdio: 'ignore' }).pid)
    setInterval(() => undefined, 1000)`
  const node = ['--conditions=source', '--import', import.meta.resolve('tsx')]
  const child = spawn(process.execPath, [...node, '--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached,
  })
  const [pid] = await once(child.stdout, 'data')
  return { child, sleeper: Number(pid) }
}

/** A process that has ended but was not reaped (`Z`) is dead. Source: proc(5). */
async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return stat !== '' && !/\) [ZX] /.test(stat)
}

test('what a killed process has started does not outlive it', async () => {
  const { child, sleeper } = await guarded(true)
  expect(await isAlive(sleeper)).toBe(true)
  child.kill('SIGKILL')
  await vi.waitFor(async () => expect(await isAlive(sleeper)).toBe(false), { timeout: 20_000 })
})

test('in the group of somebody else nothing is ended', async () => {
  const { child, sleeper } = await guarded(false)
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(await isAlive(sleeper)).toBe(true)
  process.kill(sleeper, 'SIGKILL')
})

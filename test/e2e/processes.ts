import { readdir, readFile } from 'node:fs/promises'
import { vi } from 'vitest'

/** A process as /proc tells of it. */
interface Process {
  readonly pid: number
  readonly parent: number
  readonly command: string
}

/** The children of a process whose command line matches. */
export async function childrenOf(pid: number, command: RegExp): Promise<readonly number[]> {
  const all = await processes()
  return all.filter((one) => one.parent === pid && command.test(one.command)).map((one) => one.pid)
}

/** The only child of a process whose command line matches. */
export async function childOf(pid: number, command: RegExp): Promise<number> {
  const [child, ...others] = await childrenOf(pid, command)
  if (child === undefined || others.length > 0)
    throw new Error(`expected one child of ${pid} like ${command}, got ${child} ${others.join()}`)
  return child
}

/** Resolves once none of them runs any more. */
export async function allGone(pids: readonly number[]): Promise<void> {
  await vi.waitFor(
    async () => {
      const left = (await processes()).filter(({ pid }) => pids.includes(pid))
      if (left.length > 0) throw new Error(`${left[0]?.pid} still runs: ${left[0]?.command}`)
    },
    { timeout: 10_000, interval: 20 },
  )
}

async function processes(): Promise<readonly Process[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const found = await Promise.all(pids.map(readProcess))
  return found.filter((one) => one !== undefined)
}

/** Undefined for one that has ended, reaped or not. Source: proc(5). */
async function readProcess(pid: number): Promise<Process | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    const [state = 'X', parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if ('XZ'.includes(state)) return undefined
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8')
    return { pid, parent: Number(parent), command: command.replaceAll('\0', ' ') }
  } catch {
    return undefined
  }
}

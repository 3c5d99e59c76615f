import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'

/** What a process and its descendants have used. */
export interface TreeUsage {
  /** Since they began, those that have ended and were waited for included; ticks of 10 ms. */
  readonly cpuUs: number
  /** Resident sets, added up: pages that two of them share count twice. */
  readonly rssBytes: number
  readonly processes: number
}

/** Elsewhere than on Linux there is no /proc, and every figure is NaN. */
const HAS_PROC = existsSync('/proc/self/stat')

const UNKNOWN: TreeUsage = { cpuUs: Number.NaN, rssBytes: Number.NaN, processes: Number.NaN }

/** A tick of the times in /proc: USER_HZ is 100 on every Linux that Node runs on. */
const TICK_US = 10_000

export async function treeUsage(pid: number): Promise<TreeUsage> {
  if (!HAS_PROC) return UNKNOWN
  const all = await processes()
  const tree = [...all.values()].filter((one) => isWithin(all, one, pid))
  const sizes = await Promise.all(tree.map((one) => residentBytes(one.pid)))
  return {
    cpuUs: tree.reduce((sum, { ticks }) => sum + ticks * TICK_US, 0),
    rssBytes: sizes.reduce((sum, bytes) => sum + bytes, 0),
    processes: tree.length,
  }
}

interface Stat {
  readonly pid: number
  readonly parent: number
  readonly ticks: number
}

async function processes(): Promise<ReadonlyMap<number, Stat>> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const stats = await Promise.all(pids.map(readStat))
  return new Map(stats.flatMap((stat) => (stat ? [[stat.pid, stat]] : [])))
}

/** Undefined when the process has just ended. Source: proc(5), whose field n is `fields[n - 3]` here. */
async function readStat(pid: number): Promise<Stat | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  const [user = 0, system = 0, childrenUser = 0, childrenSystem = 0] = fields.slice(11)
  return { pid, parent: fields[1] ?? 0, ticks: user + system + childrenUser + childrenSystem }
}

function isWithin(all: ReadonlyMap<number, Stat>, { pid, parent }: Stat, root: number): boolean {
  if (pid === root) return true
  const above = all.get(parent)
  return above !== undefined && isWithin(all, above, root)
}

async function residentBytes(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1024
}

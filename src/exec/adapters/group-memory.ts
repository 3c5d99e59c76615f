import { readdir, readFile } from 'node:fs/promises'

/**
 * Memory of a process group, in bytes: what is resident, a page that several of its processes have counted once where
 * that decides whether it is above `limitBytes`. 0 where no system tells it (`/proc` is Linux's). A process that has
 * left the group is not seen.
 */
export async function groupMemory(group: number, limitBytes: number): Promise<number> {
  const members = await membersOf(group)
  const resident = await sum(members, 'status', /^VmRSS:\s+(\d+) kB$/m)
  if (resident <= limitBytes || members.length === 1) return resident
  return sum(members, 'smaps_rollup', /^Pss:\s+(\d+) kB$/m)
}

async function membersOf(group: number): Promise<readonly string[]> {
  const names = await readdir('/proc').catch((): string[] => [])
  const pids = names.filter((name) => /^\d+$/.test(name))
  const groups = await Promise.all(pids.map(groupOf))
  return pids.filter((_, at) => groups[at] === group)
}

/** Its name, in parentheses, may hold anything; after it come its state, its parent and its group (proc_pid_stat(5)). */
async function groupOf(pid: string): Promise<number> {
  const stat = await readOrNothing(`/proc/${pid}/stat`)
  return Number(stat.slice(stat.lastIndexOf(')')).split(' ')[3])
}

async function sum(pids: readonly string[], file: string, line: RegExp): Promise<number> {
  const texts = await Promise.all(pids.map((pid) => readOrNothing(`/proc/${pid}/${file}`)))
  const kibs = texts.map((text) => Number(line.exec(text)?.[1] ?? 0))
  return kibs.reduce((all, kib) => all + kib, 0) * 1024
}

/** A process may end while it is looked at. */
async function readOrNothing(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '')
}

import { execFile, spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { siblingUrl } from '../core/spawn.ts'
import { tempFolder } from './contract/temp-folder.ts'

const canTrace = spawnSync('strace', ['-f', '-o', '/dev/null', 'true']).status === 0

/** The system calls of every thread, in the order they returned: `fdatasync(9</…/catalog.db-wal>) = 0`. */
async function trace(folder: string): Promise<string[]> {
  const log = join(folder, 'strace.log')
  const script = fileURLToPath(siblingUrl('./contract/sync-writer', import.meta.url))
  const node = [process.execPath, '--conditions=source', '--import', import.meta.resolve('tsx')]
  const calls = 'trace=write,fsync,fdatasync,rename'
  const options = ['-f', '-y', '-e', calls, '-o', log]
  await promisify(execFile)('strace', [...options, ...node, script, join(folder, 'data')])
  return inOrderOfReturn((await readFile(log, 'utf8')).split('\n'))
}

/** A call that another thread interrupted is told in two lines; it counts where it returned. */
function inOrderOfReturn(lines: readonly string[]): string[] {
  const begun = new Map<string, string>()
  const done: string[] = []
  for (const line of lines) {
    const [pid = '', ...rest] = line.split(/ +/)
    const text = rest.join(' ')
    if (text.includes('<unfinished ...>')) begun.set(pid, text.replace('<unfinished ...>', ''))
    else if (text.startsWith('<... '))
      done.push(begun.get(pid) + text.replace(/^<\.\.\. .*resumed>/, ''))
    else done.push(text)
  }
  return done
}

test.skipIf(!canTrace)(
  'the system calls show the fsync before the answer, for units, rows and blobs (needs strace)',
  async () => {
    const calls = await trace(await tempFolder())
    const between = (kind: string) => {
      const ask = calls.findIndex((call) => call.includes(`"ASK ${kind}\\n"`))
      const ack = calls.findIndex((call) => call.includes(`"ACK ${kind}\\n"`))
      expect(ask).toBeGreaterThan(-1)
      expect(ack).toBeGreaterThan(ask)
      return calls.slice(ask, ack)
    }
    const synced = /^f(data)?sync\(.* = 0$/
    const syncs = (kind: string) => between(kind).filter((call) => synced.test(call))
    expect(syncs('unit').some((call) => call.includes('catalog.db-wal'))).toBe(true)
    expect(syncs('batch').some((call) => call.includes('.ndjson'))).toBe(true)
    const blob = between('blob').filter((call) => synced.test(call) || call.startsWith('rename'))
    const rename = blob.findIndex((call) => call.startsWith('rename'))
    expect(blob[rename - 2] ?? blob[rename - 1]).toMatch(/blobs\/temp\//)
    expect(blob[rename + 1]).toMatch(/^fsync\(.*blobs\/sha256\/ba>/)
  },
  60_000,
)

import { watch } from 'node:fs'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gyre, launch, type Ended } from './program.ts'

const PROJECT = fileURLToPath(new URL('./held', import.meta.url))

/** A data folder in which `churn@1` of the project `held` serves, and the journal of that project's steps. */
export interface Held {
  /** A copy of the folder as it stood when the first server had ended. */
  copy(): Promise<string>
  readonly journal: Journal
  /** The file that was imported as `customers`. */
  readonly customers: string
  remove(): Promise<void>
}

/** Applies the project, imports its rows, trains, and releases. */
export async function prepareHeld(): Promise<Held> {
  const folder = await mkdtemp(join(tmpdir(), 'gyre-held-'))
  const [data, journal] = [join(folder, 'data'), join(folder, 'journal')]
  await mkdir(journal)
  await succeeded(gyre(['init', join(folder, 'shop'), '--yes']))
  const customers = join(folder, 'shop', 'data', 'customers.csv')
  const server = await launch(data)
  try {
    const command = (...args: readonly string[]) => succeeded(gyre([...args, '--url', server.url]))
    await command('apply', PROJECT, '--set', `journal=${journal}`)
    await command('data', 'import', 'customers', '--file', customers)
    await command('pipeline', 'run', 'train')
    await command('release', 'churn', 'churn@1')
    await server.stop('SIGTERM')
  } finally {
    await server.stop('SIGKILL')
  }
  return {
    async copy() {
      const to = await mkdtemp(join(folder, 'copy-'))
      await cp(data, to, { recursive: true })
      return to
    },
    journal: openJournal(journal),
    customers,
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}

async function succeeded(command: Promise<Ended>): Promise<void> {
  const { code, stderr } = await command
  if (code !== 0) throw new Error(`a command ended with ${code}: ${stderr}`)
}

/** Where the project's steps tell that they run, and are held. A step is named with its seed: `fit-7`. */
export interface Journal {
  /** Keeps the step from ending until the hold is released. */
  hold(step: string): Promise<() => Promise<void>>
  /** Process ids of the starts so far, oldest first. */
  starts(step: string): Promise<readonly number[]>
  /** Resolves with the process id of the step's nth start, from 1 on. */
  started(step: string, nth: number): Promise<number>
}

export function openJournal(folder: string): Journal {
  async function starts(step: string): Promise<readonly number[]> {
    const text = await readFile(join(folder, 'started'), 'utf8').catch(() => '')
    const lines = text.split('\n').map((line) => line.split(' '))
    return lines.filter(([name]) => name === step).map(([, pid]) => Number(pid))
  }

  return {
    starts,
    async hold(step) {
      const path = join(folder, `hold-${step}`)
      await writeFile(path, '')
      return () => rm(path)
    },
    async started(step, nth) {
      const changed = watch(folder)
      try {
        return await new Promise((resolve, reject) => {
          const look = async (): Promise<void> => {
            const pid = (await starts(step))[nth - 1]
            if (pid !== undefined) resolve(pid)
          }
          changed.on('change', () => void look().catch(reject))
          look().catch(reject)
        })
      } finally {
        changed.close()
      }
    },
  }
}

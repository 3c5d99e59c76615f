import { existsSync, watch } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Writes the name and this process's id as a line of `FOLDER/started`, then waits while `FOLDER/hold-NAME` exists. */
export async function passJournal(folder: string, name: string): Promise<void> {
  const changed = watch(folder)
  await appendFile(join(folder, 'started'), `${name} ${process.pid}\n`)
  await new Promise<void>((resolve) => {
    const look = (): void => {
      if (!existsSync(join(folder, `hold-${name}`))) resolve()
    }
    changed.on('change', look)
    look()
  })
  changed.close()
}

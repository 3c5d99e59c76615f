import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fakeClock, type Clock } from '../core/clock.ts'
import { silentLog } from '../core/log.ts'
import { nodeFiles, type Files } from './files.ts'
import { openStore, type Store } from './store.ts'

export interface TempStore extends Store, AsyncDisposable {}

/** A real store in a folder of its own, gone when disposed; at a standing clock and on a sound disk unless told. */
export async function openTempStore(
  clock: Clock = fakeClock(),
  files: Files = nodeFiles,
): Promise<TempStore> {
  const folder = await mkdtemp(join(tmpdir(), 'gyre-'))
  const store = await openStore({
    folder,
    clock,
    log: silentLog,
    files,
    config: { analyticsMemoryMb: 128 },
  })
  return {
    ...store,
    async [Symbol.asyncDispose]() {
      await store.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** For tests of other rooms. */
export { faultyFiles } from './contract/faulty-files.ts'
export { tempFolder } from './contract/temp-folder.ts'

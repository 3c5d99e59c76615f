import { readdirSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'

/** What the jobs of a place share. */
export interface Machine {
  readonly cores: number
  readonly memoryBytes: number
  /** Names of its devices, as CUDA_VISIBLE_DEVICES takes them. */
  readonly gpus: readonly string[]
}

/** The machine that this process is on, or the part of it that a container has. */
export function thisMachine(): Machine {
  // Of a process without a limit it is 0, or more than there is.
  const limit = process.constrainedMemory()
  const memoryBytes = limit > 0 ? Math.min(limit, totalmem()) : totalmem()
  return { cores: availableParallelism(), memoryBytes, gpus: nvidiaDevices() }
}

/** `nvidia0` is the first one; a machine without the driver has none. */
function nvidiaDevices(): readonly string[] {
  try {
    return readdirSync('/dev').flatMap((name) => /^nvidia(\d+)$/.exec(name)?.[1] ?? [])
  } catch {
    return []
  }
}

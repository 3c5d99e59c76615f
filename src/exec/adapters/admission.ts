import type { Resources } from '@gyre/sdk/wire/resources'
import { GyreError } from '../../core/errors.ts'
import { sizeText } from '../../core/size-text.ts'
import type { Machine } from './machine.ts'

/** What a job has of its machine, until it gives it back. */
export interface Share {
  /** Devices that are its own. */
  readonly gpus: readonly string[]
  giveBack(): void
}

/** Hands out the machine: what all jobs have together is never more than there is. */
export interface Admission {
  /** Throws INVALID_ARGUMENT naming the member of `field` that the whole machine has not. */
  readonly check: (field: string, resources: Resources) => void
  /** Undefined while others have what it takes. Who says nothing of a resource gets no share of it. */
  readonly take: (resources: Resources) => Share | undefined
}

/** Below any share that somebody would ask for: sums of tenths are not exact. */
const ROUNDING = 1e-9

export function createAdmission({ cores, memoryBytes, gpus }: Machine): Admission {
  const free = { cores, memoryBytes, gpus }
  return {
    check(field, { cpu = 0, memoryBytes: asked = 0, gpu = 0 }) {
      if (cpu > cores) throw notHere(`${field}.cpu`, `${cpu} cores`, `${cores}`, cpu, cores)
      if (asked > memoryBytes)
        throw notHere(`${field}.memory`, sizeText(asked), sizeText(memoryBytes), asked, memoryBytes)
      if (gpu > gpus.length)
        throw notHere(`${field}.gpu`, `${gpu} devices`, `${gpus.length}`, gpu, gpus.length)
    },
    take({ cpu = 0, memoryBytes: asked = 0, gpu = 0 }) {
      if (cpu > free.cores + ROUNDING || asked > free.memoryBytes || gpu > free.gpus.length)
        return undefined
      const own = free.gpus.slice(0, gpu)
      free.cores -= cpu
      free.memoryBytes -= asked
      free.gpus = free.gpus.slice(gpu)
      return {
        gpus: own,
        giveBack() {
          free.cores += cpu
          free.memoryBytes += asked
          free.gpus = [...free.gpus, ...own]
        },
      }
    },
  }
}

function notHere(
  field: string,
  askedText: string,
  availableText: string,
  asked: number,
  available: number,
): GyreError {
  return new GyreError(
    'INVALID_ARGUMENT',
    `${field}: asked for ${askedText}, and this machine has ${availableText}`,
    { field, asked, available },
  )
}

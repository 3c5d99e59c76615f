import type { ErrorCode } from '../core/errors.ts'
import { sizeText } from '../core/size-text.ts'
import type { JobEnd } from '../exec/exec.ts'

/** How a process ended, to go after its name. */
export function describeEnd(end: JobEnd): string {
  switch (end.kind) {
    case 'exited':
      return `ended with exit code ${end.code}`
    case 'killed':
      return `was killed by ${end.signal}`
    case 'timed-out':
      return 'took longer than its time-out'
    case 'out-of-memory':
      return `ran out of memory: asked for ${sizeText(end.askedBytes)} (resources.memory), used ${sizeText(end.usedBytes)}`
    case 'cancelled':
      return 'was cancelled'
  }
}

/** The code of a failure that is no more than its process's end. */
export function endCode(end: JobEnd): ErrorCode {
  if (end.kind === 'timed-out') return 'TIMEOUT'
  return end.kind === 'out-of-memory' ? 'OUT_OF_MEMORY' : 'STEP_FAILED'
}

/** What a retry may ask for. */
export function processEnd(end: JobEnd): { readonly exitCode?: number; readonly signal?: string } {
  if (end.kind === 'exited') return { exitCode: end.code }
  return end.kind === 'killed' ? { signal: end.signal } : {}
}

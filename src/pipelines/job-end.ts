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
    case 'cancelled':
      return 'was cancelled'
  }
}

/** What a retry may ask for. */
export function processEnd(end: JobEnd): { readonly exitCode?: number; readonly signal?: string } {
  if (end.kind === 'exited') return { exitCode: end.code }
  return end.kind === 'killed' ? { signal: end.signal } : {}
}

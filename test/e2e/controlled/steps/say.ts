import type { StepContext } from '@gyre/sdk'
import { passJournal } from '../../held/steps/journal.ts'

export interface Controlled {
  readonly journal: string
  readonly seed: number
}

/** Prints on both streams, is held, and prints the rest. */
export async function say({ log }: StepContext, { journal, seed }: Controlled): Promise<string> {
  log('node says hello')
  process.stderr.write('\u001B[31mred\u0007\n')
  await passJournal(journal, `say-${seed}`)
  process.stdout.write('node says bye')
  return 'said'
}

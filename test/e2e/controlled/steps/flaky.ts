import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { StepContext } from '@gyre/sdk'
import { passJournal } from '../../held/steps/journal.ts'
import type { Controlled } from './say.ts'

/** Fails the first time that it is started with a seed. */
export async function flaky(
  _: StepContext,
  { journal, seed }: Controlled & { readonly said?: string },
): Promise<string> {
  const name = `flaky-${seed}`
  await passJournal(journal, name)
  const started = await readFile(join(journal, 'started'), 'utf8')
  const starts = started.split('\n').filter((line) => line.startsWith(`${name} `))
  if (starts.length > 1) return 'at last'
  throw Object.assign(new Error('not this time'), { code: 'EAGAIN' })
}

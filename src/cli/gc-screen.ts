import type { GcReport } from '@gyre/sdk/wire/upkeep'
import { counted } from './counted.ts'
import { sizeText } from '../core/size-text.ts'
import { table } from './table.ts'

type Pile = GcReport['kept']['named']

/** What was, or would be, freed, by kind; and what stays. */
export function describeGc({ deleted, free, gone, kept }: GcReport): string {
  const whose = `${counted(gone.runs, 'run')}, ${counted(gone.loggedModels, 'logged model')}, versions`
  const freed = table(
    [deleted ? 'freed' : 'would free', 'files', 'size'],
    [
      row('named by nothing', free.unnamed),
      row(`of what was deleted (${whose})`, free.ofDeleted),
      row('uploads nobody went on with', free.uploads),
      row('writes nobody finished', free.unfinished),
    ],
    100,
  )
  const stays = table(
    ['stays', 'files', 'size'],
    [row('in use', kept.named), row('too fresh', kept.fresh)],
  )
  const hint = deleted ? '' : '\n\nnothing was removed; --delete does it'
  return `${freed}\n\n${stays}${hint}`
}

function row(what: string, { files, bytes }: Pile): readonly (string | number)[] {
  return [what, files, sizeText(bytes)]
}

import { INVALID, MISSING, type Difference } from '../difference.ts'

export const prompts: readonly Difference[] = [
  {
    why: 'No text of the catalog holds NUL: it would end there in a search.',
    gyre: { 'a text with NUL': INVALID, 'load it with NUL': MISSING },
  },
]

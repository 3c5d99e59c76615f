import type { Random } from '../core/random.ts'

const HOW = [
  'able',
  'bold',
  'brisk',
  'calm',
  'clear',
  'deft',
  'eager',
  'fair',
  'fond',
  'glad',
  'keen',
  'kind',
]
const WHO = [
  'auk',
  'bee',
  'crane',
  'dove',
  'egret',
  'finch',
  'gull',
  'heron',
  'ibis',
  'jay',
  'kite',
  'lark',
]

/** A name for a run that was given none: `keen-heron-417`. */
export function runName(random: Random): string {
  const pick = (words: readonly string[]): string =>
    words[Math.floor(random() * words.length)] ?? ''
  return `${pick(HOW)}-${pick(WHO)}-${Math.floor(random() * 1_000)}`
}

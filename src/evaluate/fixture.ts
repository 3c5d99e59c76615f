import type { PairedRows } from './difference.ts'

/**
 * numpy 2.4, i = np.arange(300):
 *   labels = ((i * 53 % 97) / 97 < (i * 37 % 101) / 101 * 0.7 + 0.1).astype(int)
 *   candidate = (i * 37 % 101) / 100 * 0.9 + 0.05
 *   champion = (i * 37 % 101) / 100 * 0.5 + (i * 29 % 89) / 88 * 0.4 + 0.05
 */
export const PAIRED: PairedRows = {
  labels: series((i) => ((i * 53) % 97 < ((((i * 37) % 101) / 101) * 0.7 + 0.1) * 97 ? 1 : 0)),
  candidate: series((i) => (((i * 37) % 101) / 100) * 0.9 + 0.05),
  champion: series((i) => (((i * 37) % 101) / 100) * 0.5 + (((i * 29) % 89) / 88) * 0.4 + 0.05),
}

function series(of: (i: number) => number): number[] {
  return Array.from({ length: 300 }, (_, i) => of(i))
}

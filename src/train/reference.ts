import type { ReferenceBins } from '@gyre/sdk/wire/model'
import { numericBins } from '../core/histogram.ts'
import { countInto } from '../core/tally.ts'

/** The reference histogram of one column of training values, NaN = missing. */
export function referenceOf(values: Float32Array | Float64Array): ReferenceBins {
  const bins = numericBins(values)
  if (!bins) return { bins: null, counts: [], missing: values.length }
  const { counts, missing } = countInto(bins, values)
  return { bins: mutable(bins), counts: [...counts], missing }
}

function mutable(
  bins: NonNullable<ReturnType<typeof numericBins>>,
): NonNullable<ReferenceBins['bins']> {
  switch (bins.kind) {
    case 'ranges':
      return { ...bins, edges: [...bins.edges] }
    case 'numbers':
      return { ...bins, values: [...bins.values] }
    case 'categories':
      return { ...bins, values: [...bins.values] }
  }
}

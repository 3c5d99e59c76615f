import type { ReferenceBins } from '@gyre/sdk/wire/model'
import type { DriftResult } from '@gyre/sdk/wire/monitor'
import type { Bins } from '../core/histogram.ts'
import { countInto } from '../core/tally.ts'
import { psi } from './psi.ts'
import { psiVerdict } from './psi-verdict.ts'

/**
 * How far values have moved from the training rows. NaN is missing, which is not a bin of its own. Both sides
 * are compared as 32-bit floats, which is what a model is served: a tie at an edge must not fall off it.
 */
export function driftOf(
  reference: ReferenceBins,
  values: Float64Array,
  minRows: number,
): DriftResult {
  const referenceRows = reference.counts.reduce((sum, count) => sum + count, 0)
  const isEnough = values.length >= minRows
  if (!reference.bins)
    return {
      psi: null,
      state: 'not_enough_data',
      rule: 'no training row had a value',
      bins: 0,
      referenceRows,
      currentRows: values.filter((value) => !Number.isNaN(value)).length,
      missingShare: isEnough ? share(values.filter(Number.isNaN).length, values.length) : null,
      outOfRangeShare: null,
    }
  const { counts, present, missing, outOfRange } = countInto(
    asFloat32(reference.bins),
    values.map(Math.fround),
  )
  const verdict = psiVerdict({
    bins: counts.length,
    referenceRows,
    currentRows: present,
    value: psi(reference.counts, counts),
  })
  const lacks = present < minRows
  return {
    psi: lacks ? null : verdict.value,
    state: lacks ? 'not_enough_data' : verdict.state,
    rule: lacks ? `${present} rows; needs ${minRows}` : verdict.rule,
    bins: counts.length,
    referenceRows,
    currentRows: present,
    missingShare: isEnough ? share(missing, values.length) : null,
    outOfRangeShare: isEnough ? outOfRange : null,
  }
}

function asFloat32(bins: Bins): Bins {
  switch (bins.kind) {
    case 'ranges':
      return {
        ...bins,
        edges: bins.edges.map(Math.fround),
        min: Math.fround(bins.min),
        max: Math.fround(bins.max),
      }
    case 'numbers':
      return {
        ...bins,
        values: bins.values.map(Math.fround),
        min: Math.fround(bins.min),
        max: Math.fround(bins.max),
      }
    case 'categories':
      return bins
  }
}

function share(part: number, whole: number): number | null {
  return whole > 0 ? part / whole : null
}

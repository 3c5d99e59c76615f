/** Φ⁻¹(0.975). */
const Z = 1.959963984540054

/** Half the width of a 95 % interval by the normal approximation, from the variance of the estimate. */
export function normalReach(varianceOfEstimate: number): number {
  return Z * Math.sqrt(varianceOfEstimate)
}

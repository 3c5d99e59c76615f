/** The largest finite float32. */
export const LARGEST_FLOAT32 = 3.4028234663852886e38

/** The value with infinities replaced by the largest finite float32 of their sign; NaN stays NaN. */
export function finite(value: number): number {
  return Math.min(Math.max(value, -LARGEST_FLOAT32), LARGEST_FLOAT32)
}

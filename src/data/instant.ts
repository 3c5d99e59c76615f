/** Epoch ms as a TIMESTAMP literal. A wide integer from the start: DuckDB would multiply small ones in 32 bits. */
export function sqlInstant(ms: number): string {
  return `epoch_ms(${Math.floor(ms)}::BIGINT)`
}

import type { DatasetSpec } from '../wire/dataset.ts'

/**
 * A file beside the project (`./data/rows.csv`) or in an installed package (`vega-datasets/data/x.parquet`).
 * The client finds and sends it; the server never sees the path.
 */
export type Source = DatasetSpec['source']

export function parquet(path: string): Source {
  return { format: 'parquet', path }
}

export function csv(path: string): Source {
  return { format: 'csv', path }
}

/** One JSON object a line. */
export function jsonl(path: string): Source {
  return { format: 'jsonl', path }
}

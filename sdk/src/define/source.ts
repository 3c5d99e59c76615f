import type { DatasetSpec } from '../wire/dataset.ts'

/**
 * A file beside the project (`./data/rows.csv`) or in an installed package (`vega-datasets/data/x.parquet`).
 * The client finds and sends it; the server never sees the path.
 */
export type Source = DatasetSpec['source']

/** A Parquet file; its columns by their names in it. */
export function parquet(path: string): Source {
  return { format: 'parquet', path }
}

/** A CSV file that begins with a line of headings; an empty cell is null. */
export function csv(path: string): Source {
  return { format: 'csv', path }
}

/** A file of one JSON object a line; a member that is missing is null. */
export function jsonl(path: string): Source {
  return { format: 'jsonl', path }
}

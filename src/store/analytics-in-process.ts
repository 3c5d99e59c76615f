import type { Analytics, AnalyticsOptions } from './analytics.ts'

/** Loads DuckDB, which takes a third of a second of a core, before it is asked for. */
export async function loadAnalytics(): Promise<void> {
  await import('./adapters/duckdb.ts')
}

/** DuckDB in this process, for a runner that reads its Parquet itself; the server has a child for it. */
export async function openAnalyticsInProcess(options: AnalyticsOptions): Promise<Analytics> {
  const { openDuckDb } = await import('./adapters/duckdb.ts')
  return openDuckDb(options)
}

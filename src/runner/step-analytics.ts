import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openAnalyticsInProcess } from '../store/analytics-in-process.ts'
import { sqlText, type Analytics } from '../store/analytics.ts'

/** DuckDB over the files of a step's `folder`. It takes a tenth of a second to open, which a step without rows need not wait for. */
export function stepAnalytics(folder: string): Analytics {
  let opened: Promise<Analytics> | undefined
  const get = (): Promise<Analytics> => (opened ??= openAnalytics(folder))
  return {
    query: async (...args) => (await get()).query(...args),
    columns: async (...args) => (await get()).columns(...args),
    exec: async (...args) => (await get()).exec(...args),
    close: async () => (await opened)?.close(),
  }
}

/** Beside the Parquet it is made of; the modules for it are loaded by the steps that want it alone. */
export async function toArrow(folder: string, parquet: string): Promise<string> {
  const { arrowFile } = await import('../train/arrow-file.ts')
  const analytics = await openAnalytics(folder)
  try {
    const columns = await analytics.columns(`SELECT * FROM read_parquet(${sqlText(parquet)})`)
    const path = `${parquet}.arrow`
    await writeFile(path, arrowFile(columns))
    return path
  } finally {
    await analytics.close()
  }
}

function openAnalytics(folder: string): Promise<Analytics> {
  return openAnalyticsInProcess({
    folders: [folder],
    tempFolder: join(folder, 'spill'),
    memoryMb: 1024,
  })
}

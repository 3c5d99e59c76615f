import type { BenchLine } from '../line.ts'
import { benchHistory } from './history.ts'
import { benchLog } from './log.ts'
import { mlflowPython } from './mlflow.ts'
import { benchSearch } from './search.ts'
import { benchStart } from './start.ts'
import { benchUpload } from './upload.ts'

type Bench = () => Promise<BenchLine[]>

/** Experiment tracking through MLflow's API; the peer is `mlflow server` on SQLite. */
export const TRACKING: Readonly<Record<string, Bench>> = {
  'tracking-log': async () => benchLog(await mlflowPython()),
  'tracking-search': async () => benchSearch(await mlflowPython()),
  'tracking-start': async () => benchStart(await mlflowPython()),
  'tracking-upload': benchUpload,
  'tracking-history': benchHistory,
}

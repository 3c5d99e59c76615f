import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '../../core/errors.ts'
import { parsePythonJson, type PythonValue } from '../../core/formats/python-json.ts'
import { reasonOf } from './mlflow-folder.ts'
import type { Tally } from './tally.ts'

/** Among the artifacts of a trace: its spans. */
export const TRACE_FILE = 'traces.json'

/** The spans of a trace from its artifacts; told to the tally where they cannot be read. */
export async function readTraceFile(
  tally: Tally,
  folder: string,
  trace: string,
): Promise<readonly PythonValue[]> {
  try {
    const data = parsePythonJson(await readFile(join(folder, TRACE_FILE), 'utf8'))
    const spans = data instanceof Map ? data.get('spans') : undefined
    if (isList(spans)) return spans
    tally.miss('spans', `those of trace ${trace}`, `${TRACE_FILE}: expected a list of spans`)
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError) && errnoOf(thrown) === undefined) throw thrown
    tally.miss('spans', `those of trace ${trace}`, `${TRACE_FILE}: ${reasonOf(thrown)}`)
  }
  return []
}

function isList(value: PythonValue | undefined): value is readonly PythonValue[] {
  return Array.isArray(value)
}

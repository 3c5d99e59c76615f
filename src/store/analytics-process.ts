import { createDuckDbChild, type Ask, type DuckDbChildDeps } from './adapters/duckdb-child.ts'
import type { Answer } from './adapters/duckdb-protocol.ts'
import type { Analytics, AnalyticsOptions, Columns, QueryOptions, Row } from './analytics.ts'
import { GyreError } from '../core/errors.ts'
import { withDeadline } from './deadline.ts'

/** DuckDB in a child process, started by the first query: its memory and its crashes stay out of the server. */
export function createAnalytics(options: AnalyticsOptions, deps: DuckDbChildDeps): Analytics {
  const child = createDuckDbChild(options, deps)

  function ask(request: Ask, { signal, timeoutMs }: QueryOptions = {}): Promise<Answer> {
    return withDeadline({ signal, timeoutMs }, (until) => child.ask(request, until))
  }

  return {
    query: async (sql, params = [], limits) =>
      toRows(await ask({ verb: 'query', sql, params }, limits)),
    columns: async (sql, params = [], limits) =>
      toColumns(await ask({ verb: 'columns', sql, params }, limits)),
    exec: async (sql, limits) => void (await ask({ verb: 'exec', sql }, limits)),
    close: () => child.close(),
  }
}

function toRows(answer: Answer): Row[] {
  if (Array.isArray(answer)) return answer
  throw mismatch()
}

function toColumns(answer: Answer): Columns {
  if (answer && 'columns' in answer) return answer
  throw mismatch()
}

function mismatch(): GyreError {
  return new GyreError('INTERNAL', 'analytics answered another question')
}

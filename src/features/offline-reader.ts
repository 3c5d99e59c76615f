import type { ViewSpec } from '@gyre/sdk/wire/feature'
import { GyreError } from '../core/errors.ts'
import { numberCell } from '../data/cell.ts'
import { sqlInstant } from '../data/instant.ts'
import { sqlName, sqlText, type Analytics, type Column } from '../store/analytics.ts'
import { entityKeySql } from './entity-key.ts'
import { EVENT_TIME } from './feature-view.ts'
import type { OfflineRows } from './offline.ts'
import { HISTORY, type OnlineBatch } from './online.ts'

/** Rows read ahead at once: a query takes ~10 ms however few rows it gives. */
const READ_AHEAD_ROWS = 50_000

/** Takes rows `from` to `to` of a batch. */
export type Take = (batch: OnlineBatch, from: number, to: number) => void

/** Reads a view's offline rows forwards in event time, a stretch ahead of what is asked for. */
export interface OfflineReader {
  /**
   * Gives the rows after the last instant asked for, up to and including `untilMs`; the first time, the newest
   * of each entity as of `untilMs`. Returns how many rows the view has in between.
   */
  advance(untilMs: number, take: Take): Promise<number>
}

interface Stretch {
  readonly batch: OnlineBatch
  readonly rowCount: number
  /** Every row up to and including this instant is in the batch or was before it. */
  readonly endMs: number
}

export function createOfflineReader(
  analytics: Analytics,
  spec: ViewSpec,
  offline: OfflineRows,
): OfflineReader {
  const parquet = `read_parquet(${sqlText(offline.path)})`
  const features = Object.keys(spec.features).map(sqlName)
  const columns = `${entityKeySql(spec.entity)} AS key, ${EVENT_TIME}, ${features.join(', ')}`
  const entity = spec.entity.length > 0 ? spec.entity.map(sqlName).join(', ') : 'true'
  let spanMs: number | undefined
  let stretch: Stretch | undefined
  let next = 0

  const span = async (): Promise<number> => {
    spanMs ??= await readAheadMs(analytics, parquet)
    return spanMs
  }

  const read = async (fromMs: number, endMs: number): Promise<Stretch> => {
    const within = `${EVENT_TIME} > ${sqlInstant(fromMs)} AND ${EVENT_TIME} <= ${sqlInstant(endMs)}`
    const sql = `SELECT ${columns} FROM ${parquet} WHERE ${within} ORDER BY ${EVENT_TIME}`
    const answer = await analytics.columns(sql)
    return { batch: toBatch(answer.columns), rowCount: answer.rowCount, endMs }
  }

  /** The newest rows as of an instant, and how many there are up to it. */
  const start = async (atMs: number, take: Take): Promise<number> => {
    const until = `${EVENT_TIME} <= ${sqlInstant(atMs)}`
    const newest = await analytics.columns(
      `SELECT * EXCLUDE (age) FROM (
         SELECT ${columns}, row_number() OVER (PARTITION BY ${entity} ORDER BY ${EVENT_TIME} DESC) AS age
         FROM ${parquet} WHERE ${until})
       WHERE age <= ${HISTORY} ORDER BY ${EVENT_TIME}`,
    )
    take(toBatch(newest.columns), 0, newest.rowCount)
    const [counted] = await analytics.query(`SELECT count(*) AS n FROM ${parquet} WHERE ${until}`)
    return numberCell(counted, 'n')
  }

  const takeUntil = ({ batch, rowCount }: Stretch, untilMs: number, take: Take): number => {
    const from = next
    while (next < rowCount && (batch.eventMs[next] ?? 0) <= untilMs) next++
    if (next > from) take(batch, from, next)
    return next - from
  }

  return {
    async advance(untilMs, take) {
      if (!stretch) {
        const rows = await start(untilMs, take)
        stretch = { batch: EMPTY, rowCount: 0, endMs: untilMs }
        return rows
      }
      let taken = takeUntil(stretch, untilMs, take)
      while (stretch.endMs < untilMs) {
        stretch = await read(stretch.endMs, stretch.endMs + (await span()))
        next = 0
        taken += takeUntil(stretch, untilMs, take)
      }
      return taken
    },
  }
}

const EMPTY: OnlineBatch = {
  keys: [],
  keyIndex: new Int32Array(),
  eventMs: new Float64Array(),
  features: [],
}

/** How much time holds about `READ_AHEAD_ROWS` rows. */
async function readAheadMs(analytics: Analytics, parquet: string): Promise<number> {
  const [row] = await analytics.query(
    `SELECT count(*) AS n, coalesce(epoch_ms(max(${EVENT_TIME})) - epoch_ms(min(${EVENT_TIME})), 0) AS ms
     FROM ${parquet}`,
  )
  const rows = Math.max(1, numberCell(row, 'n'))
  return Math.ceil((Math.max(1, numberCell(row, 'ms')) * READ_AHEAD_ROWS) / rows)
}

function toBatch([key, eventTime, ...features]: readonly Column[]): OnlineBatch {
  if (key?.kind !== 'text' || eventTime?.kind !== 'float')
    throw new GyreError('INTERNAL', 'a view gave no key or event time')
  return {
    keys: key.values.keys,
    keyIndex: key.values.index,
    eventMs: eventTime.values,
    features: features.map((column) => {
      if (column.kind === 'text')
        throw new GyreError('INTERNAL', `feature ${column.name} is a text`)
      return column.valid
        ? { values: column.values, valid: column.valid }
        : { values: column.values }
    }),
  }
}

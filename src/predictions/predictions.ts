import { rm } from 'node:fs/promises'
import type { FeedbackItem } from '@gyre/sdk/wire/predict'
import { z } from 'zod'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import type { NewId } from '../core/id.ts'
import type { Log } from '../core/log.ts'
import { sqlText, type Analytics } from '../store/analytics.ts'
import type { RowSource, Rows } from '../store/rows.ts'
import { countsSql, readCounts, type TrafficCounts } from './counts.ts'
import { exportSql } from './export.ts'
import { createFeedbackRows, FEEDBACK_COLUMNS } from './feedback-row.ts'
import type { FieldTypes } from './field-columns.ts'
import type { InputNames } from './input-columns.ts'
import { joinedSql, ofEndpoint, openTraffic, type Traffic } from './join.ts'
import { labelledSql } from './labelled.ts'
import { createPredictionIds, endpointTag, tagOf } from './prediction-id.ts'
import { PREDICTION_COLUMNS, toRow, type LoggedPrediction } from './prediction-row.ts'
import { restoreClocks } from './restore.ts'
import { readRewards, rewardsSql, type ArmOutcome, type RewardsQuery } from './rewards.ts'
import { SHADOW_COLUMNS, toShadowRow, type LoggedShadow } from './shadow-row.ts'
import { toStoredPrediction, type StoredPrediction } from './stored-prediction.ts'
import { createTrafficClocks, type TrafficSpan } from './traffic-clock.ts'
import { toWindow, windowSql, type PredictionWindow, type WindowRange } from './window.ts'

/** About 30,000 predictions: every window reads what is not Parquet yet, at a tenth of a second for each 16 MiB. */
const ROLL_BYTES = 16 * 1024 * 1024

export interface PredictionsDeps {
  readonly rows: Rows
  readonly analytics: Analytics
  readonly clock: Clock
  readonly newId: NewId
  readonly log: Log
  /** A fresh path that analytics may write and the store sweeps when it opens. */
  newTempPath(): string
  /** Input names of a model version (`model:flight-delay@3`), in the order of its vector. */
  inputsOf(project: string, model: string): Promise<readonly string[]>
  /** Request fields of an endpoint. Throws NOT_FOUND. */
  fieldsOf(project: string, endpoint: string): FieldTypes
}

export interface ExportedFile {
  readonly path: string
  /** Removes the file; call it in `finally`. */
  remove(): Promise<void>
}

/** The log of what was answered, and the labels that came back. The one key of a prediction is its id. */
export interface Predictions {
  newId(project: string, endpoint: string): string
  /** Keeps rows within a second; a lost one is counted, never an error. */
  log(predictions: readonly LoggedPrediction[]): void
  /** Keeps, as `log` does, what a shadow made of a prediction. */
  logShadow(shadow: LoggedShadow): void
  /**
   * Keeps labels; resolves with their number when they are on the disk. For one prediction the label known
   * last counts. A label without a prediction is kept as an orphan. Throws INVALID_INPUT naming the item.
   */
  feedback(ctx: Context, items: readonly FeedbackItem[]): Promise<number>
  find(ctx: Context, id: string): Promise<StoredPrediction | undefined>
  /**
   * Rows to train on: id, subject, at TIMESTAMP, the request fields, label, known_at TIMESTAMP; every arm's,
   * no quarantined ones, labels known at `untilMs` or before.
   */
  labelled(ctx: Context, endpoint: string, untilMs: number): Promise<RowSource>
  window(ctx: Context, endpoint: string, range: WindowRange): Promise<PredictionWindow>
  /** Every prediction of an endpoint in a Parquet file on this machine. Throws NOT_FOUND. */
  exportParquet(ctx: Context, endpoint: string): Promise<ExportedFile>
  /** Throws NOT_FOUND. */
  counts(ctx: Context, endpoint: string): Promise<TrafficCounts>
  /** What came back for each arm of a release, from the log itself: a label told twice counts once, restarts lose none. */
  rewards(ctx: Context, query: Omit<RewardsQuery, 'project'>): Promise<readonly ArmOutcome[]>
  /** First and last event time of an endpoint's traffic; undefined before the first prediction. */
  span(ctx: Context, endpoint: string): Promise<TrafficSpan | undefined>
}

export function createPredictions(deps: PredictionsDeps): Predictions {
  const { rows, analytics, clock } = deps
  const predictions = rows.stream('predictions', {
    durability: 'deferred',
    columns: PREDICTION_COLUMNS,
    rollBytes: ROLL_BYTES,
  })
  const shadows = rows.stream('shadows', { durability: 'deferred', columns: SHADOW_COLUMNS })
  const feedback = rows.stream('feedback', { durability: 'fsync', columns: FEEDBACK_COLUMNS })
  const toFeedbackRows = createFeedbackRows(clock)
  const makeId = createPredictionIds(deps.newId)
  const clocks = createTrafficClocks()
  const tags = new Map<string, string>()
  let restored: Promise<void> | undefined

  function tag(project: string, endpoint: string): string {
    const key = `${project}/${endpoint}`
    const known = tags.get(key)
    if (known !== undefined) return known
    const made = endpointTag(project, endpoint)
    tags.set(key, made)
    return made
  }

  async function withTraffic<T>(read: (traffic: Traffic) => Promise<T>): Promise<T> {
    const traffic = await openTraffic(predictions, feedback)
    try {
      return await read(traffic)
    } finally {
      traffic.release()
    }
  }

  /** Event time survives a crash in the rows themselves. A failure is forgotten, so that the next call tries again. */
  function restore(): Promise<void> {
    restored ??= withTraffic((traffic) => restoreClocks(analytics, traffic, clocks)).catch(
      (error: unknown) => {
        restored = undefined
        throw error
      },
    )
    return restored
  }

  async function inputNames(project: string, joined: string): Promise<InputNames> {
    const models = await analytics.query(`SELECT DISTINCT model FROM ${joined} ORDER BY model`)
    const refs = models.map(({ model }) => z.string().parse(model))
    return new Map(
      await Promise.all(refs.map(async (ref) => [ref, await deps.inputsOf(project, ref)] as const)),
    )
  }

  return {
    newId: (project, endpoint) => makeId(tag(project, endpoint)),

    log(answered) {
      for (const { project, endpoint, receivedMs, atMs: given } of answered) {
        const atMs = given ?? receivedMs
        const span = { firstMs: atMs, latestMs: atMs }
        clocks.predicted(project, tag(project, endpoint), span, given !== undefined)
      }
      // The stream counts what it loses to a slow disk; what it refuses is a fault of ours.
      predictions.append(answered.map(toRow)).catch((error: unknown) => {
        deps.log.error({ err: error, rows: answered.length }, 'predictions were not logged')
      })
    },

    logShadow(shadow) {
      shadows.append([toShadowRow(shadow)]).catch((error: unknown) => {
        deps.log.error({ err: error }, 'what a shadow answered was not logged')
      })
    },

    async feedback(ctx, items) {
      const labels = toFeedbackRows(ctx.project, items)
      await feedback.append(labels)
      for (const label of labels)
        clocks.labelled(ctx.project, tagOf(label.prediction_id), label.known_ms, label.at_given)
      return labels.length
    },

    find: ({ project }, id) =>
      withTraffic(async (traffic) => {
        const joined = joinedSql(traffic, { project, where: `p.id = ${sqlText(id)}` })
        const [row] = await analytics.query(`SELECT * FROM ${joined}`)
        if (!row) return undefined
        return toStoredPrediction(row, await deps.inputsOf(project, z.string().parse(row['model'])))
      }),

    async labelled({ project }, endpoint, untilMs) {
      const types = deps.fieldsOf(project, endpoint)
      const traffic = await openTraffic(predictions, feedback)
      const where = `${ofEndpoint(endpoint)} AND p.at_ms <= ${untilMs}`
      const joined = joinedSql(traffic, { project, where, knownUntilMs: untilMs })
      return { sql: labelledSql(joined, types), release: () => traffic.release() }
    },

    window: ({ project }, endpoint, { startMs, endMs, knownUntilMs }) =>
      withTraffic(async (traffic) => {
        const where = `${ofEndpoint(endpoint)} AND p.at_ms >= ${startMs} AND p.at_ms < ${endMs}`
        const joined = joinedSql(traffic, {
          project,
          where,
          ...(knownUntilMs === undefined ? {} : { knownUntilMs }),
        })
        const names = await inputNames(project, joined)
        return toWindow(await analytics.columns(windowSql(joined, names)))
      }),

    exportParquet: ({ project }, endpoint) =>
      withTraffic(async (traffic) => {
        const types = deps.fieldsOf(project, endpoint)
        const joined = joinedSql(traffic, { project, where: ofEndpoint(endpoint) })
        const path = deps.newTempPath()
        const remove = () => rm(path, { force: true })
        try {
          await analytics.exec(exportSql(joined, await inputNames(project, joined), types, path))
        } catch (error) {
          await remove()
          throw error
        }
        return { path, remove }
      }),

    counts: ({ project }, endpoint) =>
      withTraffic(async (traffic) => {
        deps.fieldsOf(project, endpoint)
        const sql = countsSql(traffic, project, endpoint, tag(project, endpoint))
        const [row] = await analytics.query(sql)
        return readCounts(row, predictions.dropped())
      }),

    rewards: ({ project }, query) =>
      withTraffic(async (traffic) =>
        readRewards(await analytics.query(rewardsSql(traffic, { project, ...query }))),
      ),

    async span({ project }, endpoint) {
      await restore()
      return clocks.span(tag(project, endpoint))
    },
  }
}

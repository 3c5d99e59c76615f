import type { ModelSpec } from '@gyre/sdk/wire/model'
import type { Alert, MonitorSpec, MonitorWindow } from '@gyre/sdk/wire/monitor'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import { assertNotFuture } from '../core/future.ts'
import type { NewId } from '../core/id.ts'
import { createTurns } from '../core/turns.ts'
import type { Predictions } from '../predictions/predictions.ts'
import type { Catalog, Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import { listAlerts, updateAlerts } from './alert.ts'
import { conclude, toWireFinding, type Conclusion } from './findings.ts'
import { mainVersion, measure } from './measure.ts'
import { insertWindow, judgedUntil, listWindows } from './window-row.ts'
import { closedTasks, openTasks, type Task } from './task.ts'

export interface MonitorDeps {
  readonly catalog: Catalog
  readonly events: Events
  readonly clock: Clock
  readonly newId: NewId
  readonly predictions: Pick<Predictions, 'window' | 'span'>
  /** The monitors of the project as last applied. */
  readonly specs: (ctx: Context) => Promise<readonly MonitorSpec[]>
  /** What a version carries, its reference histograms among it: `model:flight-delay@3`. */
  readonly model: (ctx: Context, ref: string) => Promise<ModelSpec>
  /** The candidate's log loss in the version's passing verdict; undefined where it was forced. */
  readonly referenceLogLoss: (ctx: Context, ref: string) => Promise<number | undefined>
}

/** Watches endpoints in windows of event time, each judged exactly once. */
export interface Monitor {
  /** Judges every window of the endpoint's monitors that has closed by `watermark`; gives the newly judged. */
  due(ctx: Context, endpoint: string, watermark: Date): Promise<readonly MonitorWindow[]>
  /**
   * Judges one monitor's closed windows now. With `until`, event time is taken to have come that far, and
   * windows still open then are judged as they stand, but for their drift. Throws NOT_FOUND, and INVALID_ARGUMENT for the future.
   */
  check(
    ctx: Context,
    monitor: string,
    options?: { readonly until?: Date },
  ): Promise<readonly MonitorWindow[]>
  /** Oldest first. Throws NOT_FOUND. */
  windows(ctx: Context, monitor: string): Promise<readonly MonitorWindow[]>
  /** Newest first; of one state when given. */
  alerts(ctx: Context, state?: Alert['state']): Promise<readonly Alert[]>
}

export function createMonitor(deps: MonitorDeps): Monitor {
  const { catalog, events, clock, predictions } = deps
  const turns = createTurns()

  async function standing(ctx: Context, spec: MonitorSpec, watermark: Date | undefined) {
    const span = await predictions.span(ctx, spec.endpoint)
    if (!span) return undefined
    return {
      doneMs: await judgedUntil(catalog, ctx, spec.name),
      firstMs: span.firstMs,
      watermarkMs: watermark?.getTime() ?? span.latestMs,
    }
  }

  async function judgeWindow(ctx: Context, task: Task): Promise<MonitorWindow | undefined> {
    const { spec, window, knownUntilMs, partial } = task
    const rows = await predictions.window(ctx, spec.endpoint, { ...window, knownUntilMs })
    const ref = mainVersion(rows)
    const model = ref === undefined ? undefined : { ref, spec: await deps.model(ctx, ref) }
    const { brokenInputs, ...measured } = measure(rows, { spec, window, partial, model })
    const reference = ref === undefined ? undefined : await deps.referenceLogLoss(ctx, ref)
    const conclusion = conclude({ ...measured, brokenInputs }, spec, reference)
    const judged: MonitorWindow = {
      ...measured,
      findings: conclusion.findings.map(toWireFinding),
      evaluatedAt: clock.now().toISOString(),
    }
    const at = new Date(knownUntilMs).toISOString()
    const isNew = await catalog.write(async (tx) => {
      if (!(await insertWindow(tx, ctx, spec.endpoint, judged))) return false
      await tell(tx, ctx, task, { judged, conclusion, at })
      await updateAlerts(deps, tx, ctx, { monitor: spec.name, at }, conclusion)
      return true
    })
    return isNew ? judged : undefined
  }

  async function tell(
    tx: Tx,
    ctx: Context,
    { spec }: Task,
    { judged, conclusion, at }: { judged: MonitorWindow; conclusion: Conclusion; at: string },
  ): Promise<void> {
    const subject = { kind: 'monitor', id: spec.name }
    const { start, end, state, n, partial, modelVersion } = judged
    const where = { endpoint: spec.endpoint, start, end, at, partial, model: modelVersion }
    await events.append(tx, ctx, {
      type: 'window.evaluated',
      subject,
      data: { ...where, state, n },
    })
    for (const { event, kind, subject: about, message, value, brokenInput } of conclusion.findings)
      await events.append(tx, ctx, {
        type: event,
        subject,
        data: { ...where, kind, about, message, value, brokenInput },
      })
  }

  /** In order, so that alerts fire and resolve as time goes on. */
  async function judgeAll(
    asked: Context,
    spec: MonitorSpec,
    watermark: Date | undefined,
    withOpen: boolean,
  ): Promise<MonitorWindow[]> {
    const ctx = asMonitor(asked, spec)
    return turns(`${ctx.project}/${spec.name}`, async () => {
      const at = await standing(ctx, spec, watermark)
      if (!at) return []
      const judged: MonitorWindow[] = []
      for (const task of [...closedTasks(spec, at), ...(withOpen ? openTasks(spec, at) : [])]) {
        const window = await judgeWindow(ctx, task)
        if (window) judged.push(window)
      }
      return judged
    })
  }

  async function specOf(ctx: Context, name: string): Promise<MonitorSpec> {
    const specs = await deps.specs(ctx)
    const spec = specs.find((one) => one.name === name)
    if (spec) return spec
    const known = specs.map((one) => one.name)
    throw new GyreError(
      'NOT_FOUND',
      `no such monitor: ${name}; known monitors: ${known.join(', ') || 'none'}`,
      { name, known },
    )
  }

  return {
    async due(ctx, endpoint, watermark) {
      const judged: MonitorWindow[] = []
      for (const spec of await deps.specs(ctx))
        if (spec.endpoint === endpoint)
          judged.push(...(await judgeAll(ctx, spec, watermark, false)))
      return judged
    },

    async check(ctx, name, { until } = {}) {
      if (until) assertNotFuture(until, 'until', clock)
      return judgeAll(ctx, await specOf(ctx, name), until, until !== undefined)
    },

    async windows(ctx, name) {
      await specOf(ctx, name)
      return listWindows(catalog, ctx, name)
    },

    alerts: (ctx, state) => listAlerts(catalog, ctx, state),
  }
}

/** What a monitor writes down it says itself, whoever asked it to look. */
function asMonitor(ctx: Context, { name }: MonitorSpec): Context {
  return { ...ctx, actor: `monitor:${name}` }
}

import type { Run, RunChange } from '@gyre/sdk/wire/run'
import type { Tx } from '../store/catalog.ts'
import { byCurve, readCurve, type CurvePoint } from '../store/metric-curve.ts'
import { numberText } from './facts.ts'

/**
 * For each metric that both runs have: the first step at which it differs, with its value there, where the newest values do
 * not tell it already. Times are not compared, nor how often the same value was told.
 */
export async function curveChanges(
  db: Tx,
  step: string | null,
  before: Run,
  now: Run,
): Promise<readonly RunChange[]> {
  const [from, to] = [await seqOf(db, before), await seqOf(db, now)]
  const changes: RunChange[] = []
  for (const [key, newest] of Object.entries(before.metrics)) {
    const newestNow = now.metrics[key]
    if (newestNow === undefined) continue
    const found = await firstDifference(readCurve(db, from, key), readCurve(db, to, key))
    if (!found || (Object.is(found.before, newest) && Object.is(found.now, newestNow))) continue
    changes.push({
      step,
      what: `${key} at step ${found.step}`,
      before: textOf(found.before),
      now: textOf(found.now),
    })
  }
  return changes
}

interface Difference {
  readonly step: CurvePoint['step']
  /** Undefined where there is no (further) value at that step. */
  readonly before: number | undefined
  readonly now: number | undefined
}

/** Of two curves, both in their order; reads no further than to the first difference. */
async function firstDifference(
  before: AsyncIterator<CurvePoint, unknown>,
  now: AsyncIterator<CurvePoint, unknown>,
): Promise<Difference | undefined> {
  for (;;) {
    const [a, b] = [await nextOf(before), await nextOf(now)]
    if (a && b && byCurve(a, b) === 0) continue
    if (a && (!b || a.step < b.step)) return { step: a.step, before: a.value, now: undefined }
    if (b && (!a || b.step < a.step)) return { step: b.step, before: undefined, now: b.value }
    return a && b && { step: a.step, before: a.value, now: b.value }
  }
}

async function nextOf(points: AsyncIterator<CurvePoint, unknown>): Promise<CurvePoint | undefined> {
  const next = await points.next()
  return next.done === true ? undefined : next.value
}

function textOf(value: number | undefined): string | null {
  return value === undefined ? null : numberText(value)
}

async function seqOf(db: Tx, { project, id }: Run): Promise<number> {
  const { seq } = await db
    .selectFrom('runs')
    .select('seq')
    .where('project', '=', project)
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  return seq
}

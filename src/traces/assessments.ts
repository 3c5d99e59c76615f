import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import { missingError } from '../core/label-key.ts'
import type { Catalog, Tx } from '../store/catalog.ts'
import {
  cellsOf,
  metadataOf,
  toAssessment,
  valueCells,
  type Assessment,
  type Judgement,
  type NewAssessment,
} from './assessment.ts'
import { seqOf } from './trace-info.ts'

/** Members left out stay; metadata is merged. */
export interface AssessmentChange {
  readonly name?: string | undefined
  /** Of the kind that the assessment is. */
  readonly judgement?: Judgement | undefined
  readonly rationale?: string | undefined
  readonly metadata?: Readonly<Record<string, string>> | undefined
}

/** What was said of traces of the caller's project. */
export interface Assessments {
  /** One that overrides another makes that invalid. Throws NOT_FOUND for the trace and for the overridden. */
  create(ctx: Context, trace: string, given: NewAssessment): Promise<Assessment>
  /** Throws NOT_FOUND. */
  get(ctx: Context, trace: string, id: string): Promise<Assessment>
  /** Throws NOT_FOUND, and INVALID_ARGUMENT for a judgement of another kind. */
  update(ctx: Context, trace: string, id: string, change: AssessmentChange): Promise<Assessment>
  /** What it overrode is valid again. Removing what is not there changes nothing. */
  remove(ctx: Context, trace: string, id: string): Promise<void>
}

export interface AssessmentsDeps {
  readonly catalog: Catalog
  readonly clock: Clock
}

export function createAssessments({ catalog, clock }: AssessmentsDeps): Assessments {
  const nowMs = (): number => clock.now().getTime()

  return {
    async create(ctx, trace, given) {
      return catalog.write(async (tx) => {
        const seq = await seqOf(tx, ctx, trace)
        const { overrides } = given
        if (overrides !== undefined && !(await setValid(tx, seq, overrides, 0)))
          throw noAssessment(trace, overrides)
        const id = await putAssessment(tx, seq, given, nowMs())
        return toAssessment(trace, await rowOf(tx, seq, trace, id))
      })
    },

    async get(ctx, trace, id) {
      const seq = await seqOf(catalog.read, ctx, trace)
      return toAssessment(trace, await rowOf(catalog.read, seq, trace, id))
    },

    async update(ctx, trace, id, { name, judgement, rationale, metadata }) {
      return catalog.write(async (tx) => {
        const seq = await seqOf(tx, ctx, trace)
        const before = await rowOf(tx, seq, trace, id)
        if (judgement && judgement.kind !== before.kind)
          throw new GyreError(
            'INVALID_ARGUMENT',
            `assessment: ${id} is of kind ${before.kind} and cannot become a ${judgement.kind}`,
            { field: 'assessment' },
          )
        await tx
          .updateTable('assessments')
          .set({
            ...(name === undefined ? {} : { name }),
            ...(judgement === undefined ? {} : valueCells(judgement)),
            ...(rationale === undefined ? {} : { rationale }),
            metadata: JSON.stringify({ ...metadataOf(before), ...metadata }),
            updated_ms: nowMs(),
          })
          .where('seq', '=', before.seq)
          .execute()
        return toAssessment(trace, await rowOf(tx, seq, trace, id))
      })
    },

    async remove(ctx, trace, id) {
      await catalog.write(async (tx) => {
        const row = await tx
          .selectFrom('assessments')
          .innerJoin('traces', 'traces.seq', 'assessments.trace')
          .select(['assessments.seq', 'assessments.trace', 'assessments.overrides'])
          .where('traces.project', '=', ctx.project)
          .where('traces.id', '=', trace)
          .where('assessments.id', '=', id)
          .executeTakeFirst()
        if (!row) return
        if (row.overrides !== null) await setValid(tx, row.trace, row.overrides, 1)
        await tx.deleteFrom('assessments').where('seq', '=', row.seq).execute()
      })
    },
  }
}

/** Adds one to a trace, or says anew what it is; gives its id. */
export async function putAssessment(
  tx: Tx,
  trace: number,
  given: NewAssessment,
  nowMs: number,
): Promise<string> {
  if (given.name === '') throw missingError('assessment_name')
  const cells = cellsOf(trace, given, nowMs)
  await tx
    .insertInto('assessments')
    .values(cells)
    .onConflict((conflict) => conflict.columns(['trace', 'id']).doUpdateSet(cells))
    .execute()
  return cells.id
}

/** Whether there is such an assessment. */
export async function setValid(tx: Tx, trace: number, id: string, valid: 0 | 1): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('assessments')
    .set({ valid })
    .where('trace', '=', trace)
    .where('id', '=', id)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

async function rowOf(db: Tx, seq: number, trace: string, id: string) {
  const row = await db
    .selectFrom('assessments')
    .selectAll()
    .where('trace', '=', seq)
    .where('id', '=', id)
    .executeTakeFirst()
  if (!row) throw noAssessment(trace, id)
  return row
}

function noAssessment(trace: string, id: string): GyreError {
  return new GyreError('NOT_FOUND', `Assessment with ID '${id}' not found for trace '${trace}'`, {
    assessment: id,
    trace,
  })
}

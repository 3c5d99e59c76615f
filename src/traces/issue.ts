import { randomBytes } from 'node:crypto'
import type { Insertable, Selectable } from 'kysely'
import { z } from 'zod'
import type { Context } from '../core/context.ts'
import type { Tables } from '../store/schema.ts'

type Row = Tables['issues']

export type IssueStatus = Row['status']
export type IssueSeverity = NonNullable<Row['severity']>

/** A fault that several traces show, as somebody tells of it. */
export interface NewIssue {
  readonly experiment: number
  readonly name: string
  readonly description: string
  readonly status: IssueStatus
  readonly severity?: IssueSeverity | undefined
  readonly rootCauses: readonly string[]
  readonly categories: readonly string[]
  /** The run that found it. */
  readonly sourceRun?: string | undefined
  readonly createdBy?: string | undefined
}

export interface Issue extends NewIssue {
  readonly id: string
  /** Epoch milliseconds. */
  readonly createdMs: number
  readonly updatedMs: number
}

/** The cells of a new one. */
export function issueCells({ project }: Context, given: NewIssue, nowMs: number): Insertable<Row> {
  return {
    project,
    id: `iss-${randomBytes(16).toString('hex')}`,
    experiment: given.experiment,
    name: given.name,
    description: given.description,
    status: given.status,
    severity: given.severity ?? null,
    root_causes: JSON.stringify(given.rootCauses),
    categories: JSON.stringify(given.categories),
    source_run: given.sourceRun ?? null,
    created_by: given.createdBy ?? null,
    created_ms: nowMs,
    updated_ms: nowMs,
  }
}

const Texts = z.array(z.string())

export function toIssue(row: Selectable<Row>): Issue {
  return {
    id: row.id,
    experiment: row.experiment,
    name: row.name,
    description: row.description,
    status: row.status,
    severity: row.severity ?? undefined,
    rootCauses: Texts.parse(JSON.parse(row.root_causes)),
    categories: Texts.parse(JSON.parse(row.categories)),
    sourceRun: row.source_run ?? undefined,
    createdBy: row.created_by ?? undefined,
    createdMs: row.created_ms,
    updatedMs: row.updated_ms,
  }
}

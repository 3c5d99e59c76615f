import { DefinitionError } from './definition-error.ts'
import { DEFINITION, type Defined } from './definition.ts'
import { gateRules, type Slices, type Thresholds } from './gate.ts'
import { Role } from '../wire/key.ts'
import type { StageMove } from '../wire/stage.ts'
import { checkKnown, checkName } from './name.ts'

/** What are we solving, and when is it good enough? Each in a few words. */
export interface ProjectOptions {
  readonly task: string
  /** What success is measured by. */
  readonly metric: string
  /** What a model has to beat. */
  readonly baseline: string
  /** What a gate holds a candidate to. */
  readonly thresholds: Thresholds
  /** The columns by which rows are cut for `worstSlice`; a gate is handed them as `{ slices: card.slices }`. */
  readonly slices?: Slices
  readonly owner: string
  /** Nobody may approve a model version of their own; a gate may. Not so unless told. */
  readonly fourEyes?: boolean
  /**
   * Different approvers that a version needs before it is promoted, a policy's approval being one; 1 unless told, at
   * most 20. `{ required: 2, among: ['ada', 'bob', 'carol'] }` counts those keys alone, by name or id, while they are
   * not revoked; `among: 'approver'` those of that role or one above it.
   */
  readonly approvals?:
    | number
    | { readonly required: number; readonly among?: readonly string[] | Role }
  /** Moves between stages that nobody makes by hand, through any door: `['none->production']`. */
  readonly forbids?: readonly StageMove[]
}

/** A project's name and its answers, for gates and readers. */
export type Project = Defined<'project'> & ProjectOptions & { readonly slices: Slices }

/** Names the project; without it the name of its package is taken. At most one a project. */
export function project(name: string, card: ProjectOptions): Project {
  const here = `project ${name}`
  checkName('project', name)
  const { task, metric, baseline, thresholds, slices = [], owner } = card
  const { fourEyes, approvals, forbids } = card
  for (const [question, answer] of Object.entries({ task, metric, baseline, owner }))
    if (answer.trim() === '') throw new DefinitionError(`${here}.${question}`, 'expected an answer')
  const spec = {
    name,
    task,
    metric,
    baseline,
    thresholds: gateRules(here, thresholds, slices),
    owner,
    ...(fourEyes === undefined ? {} : { fourEyes }),
    ...(approvals === undefined ? {} : { approvals: approvalRule(here, approvals) }),
    ...(forbids === undefined ? {} : { forbids: [...forbids] }),
  }
  return { ...card, slices, [DEFINITION]: { kind: 'project', spec } }
}

function approvalRule(here: string, given: NonNullable<ProjectOptions['approvals']>) {
  const { required, among } = typeof given === 'number' ? { required: given } : given
  const field = `${here}.approvals`
  if (!Number.isInteger(required) || required < 1 || required > 20)
    throw new DefinitionError(
      typeof given === 'number' ? field : `${field}.required`,
      `expected a whole number from 1 to 20, got ${required}`,
    )
  if (among === undefined) return required
  if (typeof among === 'string') {
    checkKnown(`${field}.among`, among, Role.options)
    return { required, among }
  }
  for (const name of among) checkName(`${field}.among`, name)
  const twice = among.find((name, i) => among.indexOf(name) !== i)
  if (twice !== undefined)
    throw new DefinitionError(
      `${field}.among`,
      `expected ${twice} once, for one key is one approver`,
    )
  if (among.length < required)
    throw new DefinitionError(
      `${field}.required`,
      `expected at most ${among.length}, as many as approve, got ${required}`,
    )
  return { required, among: [...among] }
}

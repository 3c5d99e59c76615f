import { DefinitionError } from './definition-error.ts'
import { DEFINITION, type Defined } from './definition.ts'
import { checkThresholds, type Thresholds } from './gate.ts'
import type { StageMove } from '../wire/stage.ts'
import { checkName } from './name.ts'

/** What are we solving, and when is it good enough? Each in a few words. */
export interface ProjectOptions {
  readonly task: string
  /** What success is measured by. */
  readonly metric: string
  /** What a model has to beat. */
  readonly baseline: string
  /** What a gate holds a candidate to. */
  readonly thresholds: Thresholds
  readonly owner: string
  /** Nobody may approve a model version of their own; a gate may. Not so unless told. */
  readonly fourEyes?: boolean
  /** Different approvers that a version needs before it is promoted, a policy's approval being one; 1 unless told, at most 20. */
  readonly approvals?: number
  /** Moves between stages that nobody makes by hand, through any door: `['none->production']`. */
  readonly forbids?: readonly StageMove[]
}

/** A project's name and its answers, for gates and readers. */
export type Project = Defined<'project'> & ProjectOptions

/** Names the project; without it the name of its package is taken. At most one a project. */
export function project(name: string, card: ProjectOptions): Project {
  const here = `project ${name}`
  checkName('project', name)
  const { task, metric, baseline, thresholds, owner, fourEyes, approvals, forbids } = card
  for (const [question, answer] of Object.entries({ task, metric, baseline, owner }))
    if (answer.trim() === '') throw new DefinitionError(`${here}.${question}`, 'expected an answer')
  checkThresholds(here, thresholds)
  const spec = {
    name,
    task,
    metric,
    baseline,
    thresholds: { ...thresholds },
    owner,
    ...(fourEyes === undefined ? {} : { fourEyes }),
    ...(approvals === undefined ? {} : { approvals }),
    ...(forbids === undefined ? {} : { forbids: [...forbids] }),
  }
  return { ...card, [DEFINITION]: { kind: 'project', spec } }
}

import { DefinitionError } from './definition-error.ts'
import { DEFINITION, type Defined } from './definition.ts'
import { checkThresholds, type Thresholds } from './gate.ts'
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
}

/** A project's name and its answers, for gates and readers. */
export type Project = Defined<'project'> & ProjectOptions

/** Names the project; without it the name of its package is taken. At most one a project. */
export function project(name: string, card: ProjectOptions): Project {
  const here = `project ${name}`
  checkName('project', name)
  const { task, metric, baseline, thresholds, owner, fourEyes } = card
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
  }
  return { ...card, [DEFINITION]: { kind: 'project', spec } }
}

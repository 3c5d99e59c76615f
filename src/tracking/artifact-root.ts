import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Tx } from '../store/catalog.ts'

/** What files belong to. */
export interface ArtifactRoot {
  readonly kind: 'run' | 'logged-model' | 'trace'
  readonly id: string
  /** Where it must be found; in any experiment of the project when left out. */
  readonly experiment?: number
}

/** A file, or a folder, of a root. */
export interface ArtifactPlace {
  readonly root: ArtifactRoot
  readonly path: string
}

/** `run:ID`, as the tables name it. */
export function rootKey({ kind, id }: ArtifactRoot): string {
  return `${kind}:${id}`
}

/** The experiment of a root, which may be deleted. Throws NOT_FOUND when the project has no such root. */
export async function experimentOf(db: Tx, ctx: Context, root: ArtifactRoot): Promise<number> {
  const { kind, id } = root
  const row = await db
    .selectFrom(TABLES[kind])
    .select('experiment')
    .where('project', '=', ctx.project)
    .where('id', '=', id)
    .executeTakeFirst()
  const experiment = row?.experiment ?? undefined
  if (experiment === undefined || experiment !== (root.experiment ?? experiment))
    throw new GyreError('NOT_FOUND', `${NAMES[kind]} '${id}' not found`, { [kind]: id })
  return experiment
}

const TABLES = { run: 'runs', 'logged-model': 'logged_models', trace: 'traces' } as const

const NAMES = {
  run: 'Run with id',
  'logged-model': 'Logged model with ID',
  trace: 'Trace with ID',
} as const

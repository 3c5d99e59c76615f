import type { Artifact, ArtifactDigest } from '@gyre/sdk/wire/artifact'
import type { Context } from '../core/context.ts'
import { toGyreError } from '../core/errors.ts'
import type { Blobs } from '../store/blobs.ts'
import type { Catalog } from '../store/catalog.ts'
import { experimentOf, type ArtifactPlace, type ArtifactRoot } from './artifact-root.ts'
import type { Artifacts } from './artifacts.ts'

/** Files as they were at one moment. */
export interface FrozenArtifacts {
  /** Of their tree; of an empty one where there are no files. */
  readonly digest: ArtifactDigest
  /** The run that made them, as far as it was said. */
  readonly runId: string | null
}

interface Deps {
  readonly catalog: Catalog
  readonly blobs: Pick<Blobs, 'putTree'>
  readonly artifacts: Pick<Artifacts, 'treeOf'>
}

/**
 * Keeps a file or a folder as it is now, whatever becomes of its root. Throws NOT_FOUND for a root that the project
 * of `ctx` does not have, INVALID_ARGUMENT for a path that could mean another place.
 */
export async function freezeArtifacts(
  { catalog, blobs, artifacts }: Deps,
  ctx: Context,
  { root, path }: ArtifactPlace,
): Promise<FrozenArtifacts> {
  await experimentOf(catalog.read, ctx, root)
  const { digest } =
    (await treeAt(artifacts, ctx, { root, path })) ??
    (await treeOfLogged({ catalog, artifacts }, ctx, { root, path })) ??
    // MLflow's clients may register first and upload afterwards: there is nothing yet, and so it stays.
    (await blobs.putTree([]))
  return { digest, runId: await runOf(catalog, ctx, root) }
}

async function treeAt(
  artifacts: Pick<Artifacts, 'treeOf'>,
  ctx: Context,
  place: ArtifactPlace,
): Promise<Artifact | undefined> {
  return artifacts.treeOf(ctx, place).catch((thrown: unknown) => {
    if (toGyreError(thrown).code === 'NOT_FOUND') return undefined
    throw thrown
  })
}

/** Since MLflow 3 `runs:/RUN/NAME` is the newest model of that name that the run logged, and no folder of the run. */
async function treeOfLogged(
  { catalog, artifacts }: Pick<Deps, 'catalog' | 'artifacts'>,
  ctx: Context,
  { root, path }: ArtifactPlace,
): Promise<Artifact | undefined> {
  if (root.kind !== 'run' || path === '') return undefined
  const row = await catalog.read
    .selectFrom('logged_models')
    .select('id')
    .where('project', '=', ctx.project)
    .where('source_run', '=', root.id)
    .where('name', '=', path)
    .where('deleted_ms', 'is', null)
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row && treeAt(artifacts, ctx, { root: { kind: 'logged-model', id: row.id }, path: '' })
}

async function runOf(
  { read }: Catalog,
  { project }: Context,
  { kind, id }: ArtifactRoot,
): Promise<string | null> {
  if (kind === 'run') return id
  const row = await read
    .selectFrom('logged_models')
    .select('source_run')
    .where('project', '=', project)
    .where('id', '=', id)
    .executeTakeFirst()
  return row?.source_run || null
}

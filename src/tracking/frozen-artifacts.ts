import type { ArtifactDigest } from '@gyre/sdk/wire/artifact'
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
  const { digest } = await artifacts.treeOf(ctx, { root, path }).catch((thrown: unknown) => {
    // MLflow's clients may register first and upload afterwards: there is nothing yet, and so it stays.
    if (toGyreError(thrown).code === 'NOT_FOUND') return blobs.putTree([])
    throw thrown
  })
  return { digest, runId: await runOf(catalog, ctx, root) }
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

import type { ModelCard, ModelVersion } from '@gyre/sdk/wire/model'
import type { Context } from '../core/context.ts'
import type { Blobs } from '../store/blobs.ts'
import { describeVersion, type ReportDeps } from './model-report.ts'
import { readSignature } from './model-signature.ts'
import { getModel } from './registered-model.ts'

interface CardDeps extends ReportDeps {
  readonly blobs: Pick<Blobs, 'readTree' | 'read'>
}

/** All that is known of one version. */
export async function cardOf(
  deps: CardDeps,
  ctx: Context,
  version: ModelVersion,
): Promise<ModelCard> {
  const { description, tags } = await getModel(deps.catalog.read, ctx, version.name)
  const run = version.runId === null ? undefined : await deps.runs.find(ctx, version.runId)
  return {
    ...(await describeVersion(deps, ctx, version)),
    description,
    tags,
    signature: await readSignature(deps.blobs, version),
    params: run?.params ?? {},
  }
}

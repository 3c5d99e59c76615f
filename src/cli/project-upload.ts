import type { GyreClient } from '@gyre/sdk/client'
import type { ApplyRequest } from '@gyre/sdk/wire/manifest'
import { DigestText } from '@gyre/sdk/wire/ref'
import { bundleEntries, bundleProject } from '../projects/bundle.ts'
import { evaluateBundle } from '../projects/evaluate.ts'

/** Bundles the project in `folder` with its settings, reads its manifest in a process of its own, and uploads the bundle. */
export async function prepareProject(
  client: GyreClient,
  folder: string,
  settings: ReadonlyMap<string, string>,
): Promise<ApplyRequest> {
  const bundle = await bundleProject(folder)
  const manifest = await evaluateBundle(bundle, { settings })
  for (const bytes of bundle.files.values()) await client.putBytes(bytes)
  const tree = Buffer.from(JSON.stringify({ entries: bundleEntries(bundle) }))
  return { manifest, bundle: DigestText.parse(await client.putBytes(tree)) }
}

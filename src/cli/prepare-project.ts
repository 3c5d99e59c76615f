import type { ApplyRequest } from '@gyre/sdk/wire/manifest'
import { digestOf } from '../core/digest.ts'
import { bundleEntries, bundleProject } from '../projects/bundle.ts'
import { readCodeSource } from '../projects/code-source.ts'
import { evaluateBundle } from '../projects/evaluate.ts'
import { uncommittedFiles } from '../projects/uncommitted.ts'
import { pythonFilesOf } from '../projects/python-files.ts'

/** A project as the server takes it, and its files, which must be there before it is applied. */
export interface PreparedProject {
  readonly request: ApplyRequest
  readonly files: readonly Uint8Array[]
}

/** Bundles the project in `folder`, and reads its manifest with its settings in a process of its own. */
export async function prepareProject(
  folder: string,
  settings: ReadonlyMap<string, string>,
): Promise<PreparedProject> {
  const bundle = await bundleProject(folder)
  const manifest = await evaluateBundle(bundle, { settings })
  const files = new Map([...bundle.files, ...(await pythonFilesOf(bundle.root, manifest))])
  const tree = treeOf(files)
  const source = await readCodeSource(folder)
  const request = { manifest, bundle: digestOf(tree), source }
  const bundled = [...files.values(), tree]
  const uncommitted = await uncommittedFiles(folder)
  if (source.dirty !== true || uncommitted.size === 0) return { request, files: bundled }
  const beside = treeOf(uncommitted)
  return {
    request: { ...request, uncommitted: digestOf(beside) },
    files: [...bundled, ...uncommitted.values(), beside],
  }
}

function treeOf(files: ReadonlyMap<string, Uint8Array>): Uint8Array {
  return Buffer.from(JSON.stringify({ entries: bundleEntries({ files }) }))
}

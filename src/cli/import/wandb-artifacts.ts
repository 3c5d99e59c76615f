import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { basename, join } from 'node:path'
import { z } from 'zod'
import { errnoOf } from '../../core/errors.ts'
import type { SourceFile } from './source.ts'
import type { Tally } from './tally.ts'
import { IN_LOG, type WandbRun } from './wandb-run.ts'

/**
 * The files of the artifacts that a run logged, which W&B keeps outside of the run's folder: where the log says, or
 * in one of `copies` under the same name. A file counts only if it has the digest that the log says.
 */
export async function* artifactFiles(
  tally: Tally,
  { id, artifacts }: WandbRun,
  copies: readonly string[],
): AsyncGenerator<SourceFile> {
  const versions = new Map<string, number>()
  for (const { name, manifest } of artifacts) {
    const version = versions.get(name) ?? 0
    versions.set(name, version + 1)
    const folder = `artifacts/${name}/v${version}`
    const { contents, manifestFilePath } = manifest
    if (manifestFilePath !== '' && contents.length === 0)
      tally.miss('files', `${folder} of run ${id}`, `its list of files lies at ${manifestFilePath}`)
    for (const { path, digest, ref, localPath } of contents) {
      const what = `${folder}/${path} of run ${id}`
      if (ref !== '' || localPath === '') {
        tally.leave('artifact references', IN_LOG)
        continue
      }
      const from = await findFile([localPath, ...copies.map((copy) => join(copy, basename(localPath)))], digest) // prettier-ignore
      if (from === undefined)
        tally.miss('files', what, `${localPath} is not here: --artifacts FOLDER says where it is`)
      else yield { path: `${folder}/${path}`, from }
    }
  }
}

async function findFile(paths: readonly string[], digest: string): Promise<string | undefined> {
  for (const path of paths) if ((await md5Of(path)) === digest) return path
  return undefined
}

/** In base64; undefined for what cannot be read. */
async function md5Of(path: string): Promise<string | undefined> {
  const hash = createHash('md5')
  try {
    for await (const chunk of createReadStream(path))
      hash.update(z.instanceof(Uint8Array).parse(chunk))
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
  return hash.digest('base64')
}

import { RequestError, type GyreClient } from '@gyre/sdk/client'
import { Tree } from '@gyre/sdk/wire/artifact'
import { CodeVersion } from '@gyre/sdk/wire/manifest'
import type { Run } from '@gyre/sdk/wire/run'
import { GyreError } from '../../core/errors.ts'
import { parseRef } from '../../core/ref.ts'
import { DIFF_FILE } from '../../projects/uncommitted.ts'
import { DIFF_PATH } from './keep-code.ts'

/** What a run's code differed in from its commit, to stdout as it was kept, byte by byte. Throws NOT_FOUND saying why there is none. */
export async function showDiff(client: GyreClient, run: Run): Promise<void> {
  const ref = run.code?.ref
  const path = ref === undefined ? pathOfRun(run) : await pathOfCode(client, run, ref)
  try {
    for await (const chunk of await client.download(path)) process.stdout.write(chunk)
  } catch (thrown) {
    if (!(thrown instanceof RequestError && thrown.status === 404)) throw thrown
    throw noDiff(run, whyOf(run), thrown)
  }
}

/** `gyre run` keeps it among the files of the run. */
function pathOfRun({ id, experiment }: Run): string {
  return `/api/2.0/mlflow-artifacts/artifacts/${experiment}/${id}/artifacts/${DIFF_PATH}`
}

/** `gyre apply` keeps it with the version of the code. */
async function pathOfCode(client: GyreClient, run: Run, ref: string): Promise<string> {
  const { name, version } = parseRef(ref)
  const at = `/api/v1/project/code/${encodeURIComponent(name)}/versions/${version}`
  const { uncommitted } = await client.get(at, CodeVersion)
  if (uncommitted === null) throw noDiff(run, whyOf(run))
  const { entries } = await client.get(`/api/v1/blobs/${uncommitted}`, Tree)
  const diff = entries.find(({ path }) => path === DIFF_FILE)
  if (diff) return `/api/v1/blobs/${diff.artifact.digest}`
  const names = entries.map(({ path }) => path.replace('files/', '')).join(', ')
  throw noDiff(run, `git did not know these files, which ${ref} keeps: ${names}`)
}

function whyOf({ code }: Run): string {
  if (!code) return 'nothing is known of its code'
  if (code.gitCommit === undefined) return 'its code lay in no git repository'
  if (code.dirty !== true) return 'its code did not differ from its commit'
  return code.ref === undefined
    ? 'files that git did not know, and differences of more than 16 MiB, are not in one'
    : `of what differed ${code.ref} has the digest alone: no source, more than 16 MiB, or applied before diffs were kept`
}

function noDiff({ id }: Run, why: string, cause?: unknown): GyreError {
  return new GyreError('NOT_FOUND', `no diff of ${id} is kept: ${why}`, { id }, cause)
}

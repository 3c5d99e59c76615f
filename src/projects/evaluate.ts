import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Manifest } from '@gyre/sdk/wire/manifest'
import { childEnvironment } from '../core/config.ts'
import { GyreError } from '../core/errors.ts'
import { siblingUrl, spawnProcess } from '../core/spawn.ts'
import { CONFIG_FILE, type Bundle } from './bundle.ts'
import type { EvaluateReply, EvaluateRequest } from './evaluate-child.ts'
import { readManifest } from './manifest.ts'
import { withPythonDigests } from './python-files.ts'
import { sourcePlace } from './source-place.ts'

export interface EvaluateOptions {
  /** The child is ended by force after this long; 20 s unless told. */
  readonly timeoutMs?: number
  /** Values for the project's `setting(…)` calls; none unless told. */
  readonly settings?: ReadonlyMap<string, string>
}

/** Bundles run in milliseconds; a cold start from source on a busy machine has taken 5 s. */
const DEFAULT_TIMEOUT_MS = 20_000

/** Enough of what the config printed to see why it failed. */
const MAX_OUTPUT_CHARS = 2_000

/**
 * Runs a bundle's entry in a process of its own, without the parent's secrets, and reads the manifest that
 * comes out. Steps are not run. Throws INVALID_ARGUMENT naming the definition and what is wrong with it, also for
 * a config that does not come to an end.
 */
export async function evaluateBundle(
  bundle: Bundle,
  { timeoutMs = DEFAULT_TIMEOUT_MS, settings = new Map() }: EvaluateOptions = {},
): Promise<Manifest> {
  const folder = await mkdtemp(join(tmpdir(), 'gyre-evaluate-'))
  try {
    for (const [path, contents] of bundle.files) await writeFile(join(folder, path), contents)
    const { entry, packageName, modules } = bundle
    const reply = await ask({ folder, entry, packageName, modules, settings }, timeoutMs)
    if (!reply.ok) {
      const { field, message, places } = reply
      const place = (await sourcePlace(bundle, places)) ?? CONFIG_FILE
      throw new GyreError('INVALID_ARGUMENT', `${place}: ${message}`, { field })
    }
    return readManifest(await withPythonDigests(bundle.root, reply.manifest))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function ask(request: EvaluateRequest, timeoutMs: number): Promise<EvaluateReply> {
  const child = spawnProcess(siblingUrl('./evaluate-child', import.meta.url), [], {
    cwd: request.folder,
    env: childEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  })
  const printed = collect(child)
  child.send(request)
  return new Promise((resolve, reject) => {
    child.once('message', (reply: EvaluateReply) => resolve(reply))
    child.once('error', reject)
    child.once('close', (code, signal) =>
      reject(
        signal === 'SIGKILL'
          ? new GyreError(
              'INVALID_ARGUMENT',
              `${CONFIG_FILE} did not end within ${timeoutMs / 1_000} s; a config only defines, steps do the work`,
              { timeoutMs },
            )
          : new GyreError(
              'INVALID_ARGUMENT',
              `${CONFIG_FILE} ended its process (${code ?? signal})`,
              {
                printed: printed(),
              },
            ),
      ),
    )
  })
}

function collect({ stdout, stderr }: ChildProcess): () => string {
  let text = ''
  for (const stream of [stdout, stderr])
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text = (text + chunk).slice(-MAX_OUTPUT_CHARS)
    })
  return () => text
}

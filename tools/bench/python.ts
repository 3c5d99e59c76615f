import { execFile } from 'node:child_process'
import { access, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { digestOfJson } from '../../src/core/digest.ts'

const run = promisify(execFile)

const VENV = fileURLToPath(new URL('../../node_modules/.cache/gyre-bench-venv', import.meta.url))

/**
 * The Python of a virtual environment that holds the pinned `packages` (`lightgbm==4.6.0`), made and
 * filled when it is not there yet. Where that is impossible, says what is skipped and why on standard
 * output and returns undefined.
 */
export async function ensureVenv(
  packages: readonly string[],
  skipped: string,
): Promise<string | undefined> {
  const python = join(VENV, 'bin', 'python')
  const marker = join(VENV, `${digestOfJson(packages).slice('sha256:'.length)}.installed`)
  if (await exists(marker)) return python
  try {
    if (!(await exists(python))) await run('python3', ['-m', 'venv', VENV])
    await run(python, ['-m', 'pip', 'install', '--quiet', ...packages])
    await writeFile(marker, packages.join('\n'))
    return python
  } catch (error) {
    const reason = error instanceof Error ? (error.message.trim().split('\n').at(-1) ?? '') : ''
    process.stdout.write(`skipped: ${skipped}, for there is no Python with it: ${reason}\n`)
    return undefined
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { access, mkdir, readFile, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const VENVS = fileURLToPath(new URL('../../.venvs', import.meta.url))

/**
 * The `python` of a virtual environment that holds exactly what `requirements` pins; built at the first call
 * (minutes, about 2 GB for MLflow's), found at the later ones. Built beside its place and renamed into it, so
 * that one whose build was cut off is never taken for whole. Throws where there is no Python 3.
 */
export async function pinnedPython(requirements: string): Promise<string> {
  const digest = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex')
  const venv = join(VENVS, `${basename(dirname(requirements))}-${digest.slice(0, 12)}`)
  const python = join(venv, 'bin', 'python')
  if (await exists(python)) return python

  const building = `${venv}.${process.pid}`
  await mkdir(VENVS, { recursive: true })
  try {
    await run('python3', ['-m', 'venv', building])
    const pip = ['-m', 'pip', 'install', '--quiet', '--no-input', '--disable-pip-version-check']
    await run(join(building, 'bin', 'python'), [...pip, '--requirement', requirements])
    await rename(building, venv)
  } finally {
    await rm(building, { recursive: true, force: true })
  }
  return python
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

async function run(command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, { stdio: 'inherit' })
  const [code] = await once(child, 'close').catch((cause: unknown) => {
    throw new Error(
      `the protocol tests need Python 3 with venv, and \`${command}\` did not start`,
      {
        cause,
      },
    )
  })
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${String(code)}`)
}

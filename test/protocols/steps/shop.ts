import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { build, gyre, launch, type Ended, type Running } from '../../e2e/program.ts'
import { pinnedPython } from '../python.ts'

/** A project on a server of its own. */
export interface Shop {
  readonly folder: string
  readonly server: Running
  readonly cli: (...args: readonly string[]) => Promise<Ended>
}

/**
 * A project of these files, applied. Its steps name `requirements.lock`, which holds `requirements`; the environment
 * for it is the one of the protocol tests, so that nothing is installed twice.
 */
export async function openShop(
  files: Readonly<Record<string, string>>,
  requirements: string,
): Promise<Shop> {
  await build()
  const root = await mkdtemp(join(tmpdir(), 'gyre-shop-'))
  const folder = join(root, 'shop')
  const data = join(root, 'data')
  for (const [path, content] of Object.entries({
    'package.json': '{ "name": "shop", "type": "module" }',
    ...files,
  })) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), content)
  }
  await cp(requirements, join(folder, 'requirements.lock'))
  await lend(requirements, join(data, 'python'))
  const server = await launch(data)
  onTestFinished(async () => {
    await server.stop('SIGKILL')
    await rm(root, { recursive: true, force: true })
  })
  const cli = (...args: readonly string[]) =>
    gyre(args, { cwd: folder, env: { GYRE_URL: server.url } })
  const applied = await cli('apply')
  if (applied.code !== 0) throw new Error(`gyre apply: ${applied.stderr}`)
  return { folder, server, cli }
}

async function lend(requirements: string, environments: string): Promise<void> {
  const python = await pinnedPython(requirements)
  const asked = "import sys; print('.'.join(map(str, sys.version_info[:3])))"
  const version = spawnSync(python, ['-c', asked], { encoding: 'utf8' }).stdout.trim()
  const digest = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex')
  const made = dirname(dirname(python))
  await writeFile(join(made, 'gyre.json'), '{}')
  await mkdir(environments, { recursive: true })
  await symlink(made, join(environments, `${digest}-${version}`))
}

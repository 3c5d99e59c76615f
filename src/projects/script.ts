import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { build } from 'esbuild'
import { GyreError } from '../core/errors.ts'

/**
 * A project's own program as JavaScript that Node runs as it is, kept in the project's `.gyre`; its packages
 * stay outside. Gives the path. Throws INVALID_ARGUMENT naming file and line where it does not parse.
 */
export async function buildScript(file: string): Promise<string> {
  const outfile = join(dirname(file), '.gyre', 'script.mjs')
  await mkdir(dirname(outfile), { recursive: true })
  try {
    await build({
      entryPoints: [file],
      outfile,
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      packages: 'external',
      logLevel: 'silent',
    })
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new GyreError('INVALID_ARGUMENT', message, { file }, cause)
  }
  return outfile
}

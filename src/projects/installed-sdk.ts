import { readFile } from 'node:fs/promises'
import { dirname, extname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { OnResolveArgs, OnResolveResult, Plugin, PluginBuild } from 'esbuild'

const HERE = dirname(fileURLToPath(import.meta.url))
const NAMESPACE = 'installed'

/**
 * Gives a project the `@gyre/sdk` that is installed beside Gyre: what a manifest means is decided by one copy.
 * Its modules, and those it imports, go by names that do not tell where they lie, so that the bundle is the
 * same on every machine.
 */
export const installedSdk: Plugin = {
  name: 'gyre-installed-sdk',
  setup(build) {
    build.onResolve({ filter: /^@gyre\/sdk(\/|$)/, namespace: 'file' }, (args) =>
      resolveInstalled(build, args, HERE),
    )
    build.onResolve({ filter: /^/, namespace: NAMESPACE }, (args) =>
      resolveInstalled(build, args, args.resolveDir),
    )
    build.onLoad({ filter: /^/, namespace: NAMESPACE }, async ({ pluginData }) => {
      const path = String(pluginData)
      return {
        contents: await readFile(path, 'utf8'),
        loader: extname(path) === '.ts' ? 'ts' : 'js',
        resolveDir: dirname(path),
      }
    })
  },
}

/** Marks our own question to esbuild, which would otherwise come back to us. */
const ASKED = 'asked by gyre'

async function resolveInstalled(
  build: PluginBuild,
  { path, kind, pluginData }: OnResolveArgs,
  resolveDir: string,
): Promise<OnResolveResult | undefined> {
  if (pluginData === ASKED) return undefined
  const found = await build.resolve(path, { kind, resolveDir, pluginData: ASKED })
  if (found.errors.length > 0 || found.external) return { ...found, pluginData: undefined }
  return { path: placelessName(found.path), namespace: NAMESPACE, pluginData: found.path }
}

/** `@gyre/sdk/define.ts`, `zod/index.js`: from the package on, or from `sdk` in a checkout. */
function placelessName(path: string): string {
  const fromModules = path.split(`${sep}node_modules${sep}`).at(-1) ?? path
  const fromCheckout = relative(join(HERE, '../../sdk'), path)
  const name = fromCheckout.startsWith('..') ? fromModules : join('@gyre/sdk', fromCheckout)
  return name.replaceAll(sep, '/')
}

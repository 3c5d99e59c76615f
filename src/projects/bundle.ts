import { readFile, realpath } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { build, type BuildFailure, type BuildOptions, type Metafile } from 'esbuild'
import { z } from 'zod'
import type { TreeEntry } from '@gyre/sdk/wire/artifact'
import { digestOf, type Digest } from '../core/digest.ts'
import { errnoOf, GyreError } from '../core/errors.ts'
import { FROM_SOURCE } from '../core/spawn.ts'
import { installedSdk } from './installed-sdk.ts'

/** The file a project is read from. */
export const CONFIG_FILE = 'gyre.config.ts'

/** The entry of every bundle. */
const BUNDLE_ENTRY = 'gyre.config.mjs'

/** A module that user code loads on demand: a step or a transform. */
export interface BundledModule {
  /** Names it exports. */
  readonly exports: readonly string[]
  /** Of the module and all it imports, bundled alone: other steps of the project do not matter. */
  readonly digest: Digest
}

/** A project's code, ready to run on a machine that has Node and nothing else. */
export interface Bundle {
  /** The project's folder, as it really lies. */
  readonly root: string
  /** JavaScript by path; equal projects give equal files wherever they lie. */
  readonly files: ReadonlyMap<string, Uint8Array>
  /** Modules loaded on demand, by their path in `files`. */
  readonly modules: ReadonlyMap<string, BundledModule>
  readonly entry: string
  /** The package's name without its scope: what a project is called that does not name itself. */
  readonly packageName: string
}

const mediaTypeOf = (path: string): string =>
  path.endsWith('.mjs') ? 'text/javascript' : 'text/plain'

/** CommonJS packages ask for Node's own modules through `require`, which an ES module does not have. */
const REQUIRE =
  "import { createRequire as gyreCreateRequire } from 'node:module'; globalThis.require ??= gyreCreateRequire(import.meta.url);"

const WHOLE: BuildOptions = {
  entryPoints: { [BUNDLE_ENTRY.replace('.mjs', '')]: CONFIG_FILE },
  splitting: true,
  chunkNames: '[name]-[hash]',
  banner: { js: REQUIRE },
}

/**
 * Bundles the project in `folder`. Throws NOT_FOUND without a config, INVALID_ARGUMENT naming file and line
 * where the code does not parse or a module is missing.
 */
export async function bundleProject(folder: string): Promise<Bundle> {
  const root = await projectRoot(folder)
  const { outputFiles, metafile } = await run(root, WHOLE)
  return {
    root,
    files: new Map(outputFiles.map(({ path, contents }) => [chunkName(path), contents])),
    modules: await modulesOf(root, metafile),
    entry: BUNDLE_ENTRY,
    packageName: await packageName(root),
  }
}

/** The files that `bundleProject` makes, each with its source map; sources are relative to the folder `out` of `root`. */
export async function mappedFiles(
  root: string,
): Promise<readonly { readonly code: string; readonly map: string | undefined }[]> {
  const { outputFiles } = await run(root, {
    ...WHOLE,
    sourcemap: 'external',
    sourcesContent: false,
  })
  const texts = new Map(outputFiles.map(({ path, text }) => [chunkName(path), text]))
  const code = [...texts].filter(([name]) => name.endsWith('.mjs'))
  return code.map(([name, text]) => ({ code: text, map: texts.get(`${name}.map`) }))
}

/** The bundle's files as the entries of a tree, sorted by path. */
export function bundleEntries({ files }: Pick<Bundle, 'files'>): readonly TreeEntry[] {
  const entries = [...files].map(([path, contents]) => ({
    path,
    artifact: { digest: digestOf(contents), bytes: contents.length, mediaType: mediaTypeOf(path) },
  }))
  return entries.toSorted((a, b) => (a.path < b.path ? -1 : 1))
}

async function modulesOf(
  folder: string,
  { outputs }: Metafile,
): Promise<ReadonlyMap<string, BundledModule>> {
  const modules = new Map<string, BundledModule>()
  for (const [path, { entryPoint, exports }] of Object.entries(outputs)) {
    if (entryPoint === undefined || entryPoint === CONFIG_FILE) continue
    const digest = await digestAlone(folder, entryPoint)
    modules.set(chunkName(path), { exports, digest })
  }
  return modules
}

/** How chunks are cut depends on what else the project imports; a module bundled alone depends on itself. */
async function digestAlone(folder: string, module: string): Promise<Digest> {
  const alone = await run(folder, { entryPoints: [module], minifyWhitespace: true })
  return digestOf(alone.outputFiles[0]?.contents ?? '')
}

async function run(folder: string, options: BuildOptions) {
  try {
    return await build({
      ...options,
      absWorkingDir: folder,
      outdir: 'out',
      bundle: true,
      write: false,
      metafile: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      outExtension: { '.js': '.mjs' },
      conditions: FROM_SOURCE ? ['source'] : [],
      plugins: [installedSdk],
      legalComments: 'none',
      charset: 'utf8',
      logLevel: 'silent',
    })
  } catch (thrown) {
    throw buildError(thrown)
  }
}

/** All chunks lie in one folder, so that they find each other wherever it is. */
function chunkName(path: string): string {
  return basename(path)
}

/** The real path: esbuild names modules by where they really lie, and that must be inside. */
async function projectRoot(folder: string): Promise<string> {
  const config = resolve(folder, CONFIG_FILE)
  try {
    await realpath(config)
    return await realpath(folder)
  } catch (thrown) {
    if (errnoOf(thrown) !== 'ENOENT') throw thrown
    throw new GyreError(
      'NOT_FOUND',
      `no ${CONFIG_FILE} in ${resolve(folder)}; gyre init makes one`,
      {
        looked: config,
      },
    )
  }
}

async function packageName(root: string): Promise<string> {
  try {
    const text = await readFile(join(root, 'package.json'), 'utf8')
    const { name } = z.object({ name: z.string().default('') }).parse(JSON.parse(text))
    return name.replace(/^@[^/]*\//, '')
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return ''
    throw new GyreError('INVALID_ARGUMENT', 'package.json: expected `name` to be text', {}, thrown)
  }
}

function buildError(thrown: unknown): unknown {
  if (!isBuildFailure(thrown)) return thrown
  const problems = thrown.errors.map(({ text, location }) =>
    location ? `${location.file}:${location.line}:${location.column + 1}: ${text}` : text,
  )
  return new GyreError('INVALID_ARGUMENT', problems[0] ?? thrown.message, { problems }, thrown)
}

function isBuildFailure(thrown: unknown): thrown is BuildFailure {
  return thrown instanceof Error && 'errors' in thrown && Array.isArray(thrown.errors)
}

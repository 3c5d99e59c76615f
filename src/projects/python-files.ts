import { readdir, readFile, realpath } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import type { Manifest } from '@gyre/sdk/wire/manifest'
import { isNotebook, NOTEBOOK_EXECUTOR } from '@gyre/sdk/wire/python'
import { z } from 'zod'
import { digestOf, digestOfJson } from '../core/digest.ts'
import { errnoOf, GyreError } from '../core/errors.ts'
import { PACKAGE_ROOT } from '../core/package.ts'
import { assertPinned } from './pinned-requirements.ts'

/** Folders in which no module of a project's own lies. */
const FOREIGN = ['node_modules', '__pycache__']

/** What Gyre brings along is named so that no path in a project is alike. */
const SHIPPED = new Map([
  ['@gyre/trainers/', join(PACKAGE_ROOT, 'sdk', 'python', 'trainers')],
  ['@gyre/notebook/', join(PACKAGE_ROOT, 'sdk', 'python', 'gyre')],
])

/** Where a file of a Python step lies in the bundle. */
export function inBundle(path: string): string {
  return `python/${path}`
}

const Draft = z.looseObject({
  pipelines: z.array(
    z.looseObject({
      name: z.string(),
      steps: z.array(z.looseObject({ kind: z.string(), name: z.string() })),
    }),
  ),
})
const PythonDraft = z.looseObject({
  script: z.string(),
  requirements: z.exactOptional(z.string()),
})

/**
 * The manifest of a project in `root` with the digests of what its Python steps run. Throws INVALID_ARGUMENT naming
 * the step: a file that is not there or outside, packages that are not pinned.
 */
export async function withPythonDigests(root: string, draft: unknown): Promise<unknown> {
  const { data: manifest } = Draft.safeParse(draft)
  // What is wrong with it is told by whoever reads the manifest.
  if (!manifest) return draft
  const pipelines = []
  for (const pipeline of manifest.pipelines) {
    const steps = []
    for (const step of pipeline.steps) {
      const field = `pipeline ${pipeline.name}.step ${step.name}`
      steps.push(step.kind === 'python' ? await digested(root, field, step) : step)
    }
    pipelines.push({ ...pipeline, steps })
  }
  return { ...manifest, pipelines }
}

async function digested(root: string, field: string, step: object): Promise<object> {
  const { script, requirements, ...rest } = PythonDraft.parse(step)
  const modules = await modulesBeside(root, `${field}.script`, script)
  const digest = digestOfJson(
    Object.fromEntries([...modules].map(([path, bytes]) => [path, digestOf(bytes)])),
  )
  if (requirements === undefined) return { ...rest, script, digest }
  const at = `${field}.requirements`
  const bytes = await readInside(root, at, requirements)
  assertPinned(at, requirements, bytes.toString('utf8'))
  return { ...rest, script, digest, requirements: { path: requirements, digest: digestOf(bytes) } }
}

/** The files that the Python steps of a manifest run, by their paths in the bundle. */
export async function pythonFilesOf(
  root: string,
  { pipelines }: Manifest,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>()
  for (const pipeline of pipelines)
    for (const step of pipeline.steps) {
      if (step.kind !== 'python') continue
      const field = `pipeline ${pipeline.name}.step ${step.name}`
      for (const [path, bytes] of await modulesBeside(root, field, step.script))
        files.set(inBundle(path), bytes)
      if (step.requirements)
        files.set(
          inBundle(step.requirements.path),
          await readInside(root, field, step.requirements.path),
        )
    }
  return files
}

/** The script and every module in its folder and below, since it may import them; of a notebook what executes it too. */
async function modulesBeside(
  root: string,
  field: string,
  script: string,
): Promise<ReadonlyMap<string, Buffer>> {
  const bytes = await readInside(root, field, script)
  const { base, prefix } = homeOf(root, script)
  const paths = await modulesIn(join(base, dirname(script.slice(prefix.length))))
  const names = paths.map((path) => prefix + relative(base, path).split(sep).join('/'))
  const files = names
    .toSorted()
    .map(async (name) => [name, await readInside(root, field, name)] as const)
  const modules = await Promise.all(files)
  if (!isNotebook(script)) return new Map(modules)
  const executor = await readInside(root, field, NOTEBOOK_EXECUTOR)
  return new Map([
    ...modules,
    [script, bareNotebook(field, script, bytes)],
    [NOTEBOOK_EXECUTOR, executor],
  ])
}

const Notebook = z.looseObject({ cells: z.array(z.looseObject({ cell_type: z.string() })) })

/** A notebook without what executing it had shown: the same code is the same step. Throws INVALID_ARGUMENT. */
function bareNotebook(field: string, path: string, bytes: Buffer): Buffer {
  try {
    const { cells, ...rest } = Notebook.parse(JSON.parse(bytes.toString('utf8')))
    const bare = cells.map((cell) =>
      cell.cell_type === 'code' ? { ...cell, outputs: [], execution_count: null } : cell,
    )
    return Buffer.from(JSON.stringify({ ...rest, cells: bare }))
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError || thrown instanceof z.ZodError)) throw thrown
    throw refused(field, `${path} is no notebook: expected JSON with a list of cells`)
  }
}

/** The Python modules of a folder and below, but for hidden folders, packages and virtual environments. */
export async function modulesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  // A virtual environment that somebody made in the project is not part of it.
  if (entries.some(({ name }) => name === 'pyvenv.cfg')) return []
  const found = entries.map(async (entry) => {
    const path = join(folder, entry.name)
    if (entry.name.startsWith('.') || FOREIGN.includes(entry.name)) return []
    if (entry.isDirectory()) return modulesIn(path)
    return entry.isFile() && entry.name.endsWith('.py') ? [path] : []
  })
  return (await Promise.all(found)).flat()
}

/** The folder that a path starts at, and the part of it that says so. */
function homeOf(root: string, path: string): { readonly base: string; readonly prefix: string } {
  for (const [prefix, base] of SHIPPED) if (path.startsWith(prefix)) return { base, prefix }
  return { base: root, prefix: '' }
}

async function readInside(root: string, field: string, path: string): Promise<Buffer> {
  try {
    const { base, prefix } = homeOf(root, path)
    const real = await realpath(join(base, path.slice(prefix.length)))
    if (!real.startsWith(base + sep)) throw refused(field, `${path} is outside of the project`)
    return await readFile(real)
  } catch (thrown) {
    const errno = errnoOf(thrown)
    if (errno === 'ENOENT' || errno === 'ENOTDIR')
      throw refused(field, `no file ${path} in the project`)
    if (errno === 'EISDIR') throw refused(field, `${path}: expected a file, got a folder`)
    throw thrown
  }
}

function refused(field: string, message: string): GyreError {
  return new GyreError('INVALID_ARGUMENT', `${field}: ${message}`, { field })
}

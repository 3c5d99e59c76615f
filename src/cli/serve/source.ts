import { readdir, stat } from 'node:fs/promises'
import { basename, extname, join, relative, resolve } from 'node:path'
import type { GyreClient } from '@gyre/sdk/client'
import { ModelVersion } from '@gyre/sdk/wire/model'
import { Name } from '@gyre/sdk/wire/ref'
import { GyreError } from '../../core/errors.ts'
import { ML_MODEL_FILE } from '../../core/formats/mlmodel.ts'
import { parseSource } from '../../registry/model-source.ts'

/** What `gyre serve` was told to serve. */
export type ServedSource =
  | { readonly kind: 'version'; readonly name: string; readonly version: string }
  /** With a run or a logged model: `runs:/RUN/PATH`. */
  | { readonly kind: 'held'; readonly source: string }
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'file'; readonly path: string }

/** What the registry of MLflow is asked by; anything else is a path. */
const URI = /^(models|runs):\//

/** Throws INVALID_ARGUMENT saying what is expected, and what reading the path throws. */
export async function readSource(text: string): Promise<ServedSource> {
  if (!URI.test(text))
    return { kind: (await stat(text)).isDirectory() ? 'folder' : 'file', path: text }
  const parsed = parseSource(text)
  if (!parsed || (parsed.kind === 'files' && parsed.root.kind === 'run' && parsed.path === ''))
    throw invalidArgument(
      'source',
      `expected models:/NAME@ALIAS, models:/NAME/VERSION or runs:/RUN/PATH, got ${text}`,
    )
  if (parsed.kind === 'files') return { kind: 'held', source: text }
  const { name, version } = parsed
  return {
    kind: 'version',
    name,
    version: 'alias' in version ? version.alias : `${version.number}`,
  }
}

/** What its endpoint is called unless told. Throws INVALID_ARGUMENT where that would be no name. */
export function endpointName(source: ServedSource, given: string | undefined): string {
  const name = given ?? nameOf(source)
  if (Name.safeParse(name).success) return name
  throw invalidArgument(
    'name',
    `expected letters, digits, _ and - behind a letter, got ${JSON.stringify(name)}; say another by --name`,
  )
}

function nameOf(source: ServedSource): string {
  switch (source.kind) {
    case 'version':
      return source.name
    case 'held':
      return basename(source.source)
    case 'folder':
      return basename(resolve(source.path))
    case 'file':
      return basename(source.path, extname(source.path))
  }
}

/** The version that it is: one that is there, or one of the model `name` made of its files. */
export async function versionOf(
  client: GyreClient,
  source: ServedSource,
  name: string,
): Promise<ModelVersion> {
  const register = async (body: unknown) =>
    client.post(`/api/v1/models/${name}/versions`, body, ModelVersion)
  switch (source.kind) {
    case 'version': {
      const [model, version] = [source.name, source.version].map(encodeURIComponent)
      return client.get(`/api/v1/models/${model}/versions/${version}`, ModelVersion)
    }
    case 'held':
      return register({ source: source.source })
    case 'folder':
      return register({ files: await putFolder(client, source.path) })
    case 'file':
      return register({ files: { 'model.onnx': await client.putFile(source.path) } })
  }
}

/** Stores the files of a model's folder; gives their digests by their paths. */
async function putFolder(client: GyreClient, folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
  if (!paths.includes(ML_MODEL_FILE) && !paths.includes('model.onnx'))
    throw invalidArgument(
      'source',
      `expected an ${ML_MODEL_FILE} file in ${folder}, as MLflow writes`,
    )
  const files: Record<string, string> = {}
  for (const path of paths) files[path] = await client.putFile(join(folder, path))
  return files
}

function invalidArgument(field: string, message: string): GyreError {
  return new GyreError('INVALID_ARGUMENT', `${field}: ${message}`, { field })
}

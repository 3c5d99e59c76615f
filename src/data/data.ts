import type { DatasetSpec, DatasetVersion } from '@gyre/sdk/wire/dataset'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { digestOfJson, type Digest } from '../core/digest.ts'
import { GyreError } from '../core/errors.ts'
import type { Analytics } from '../store/analytics.ts'
import type { Blobs } from '../store/blobs.ts'
import type { Catalog } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import type { Runs } from '../store/runs.ts'
import { assertDatasetSpec } from './dataset-spec.ts'
import { datasetRef, fromRow, toRow, type StoredDataset } from './dataset-version.ts'
import { importFile, type ImportedFile } from './import-file.ts'
import { recordedRun } from './recorded-run.ts'

export interface DataDeps {
  readonly catalog: Catalog
  readonly blobs: Blobs
  readonly analytics: Analytics
  readonly events: Events
  readonly runs: Runs
  readonly clock: Clock
}

/** Files that passed their contract, as immutable versions. */
export interface Data {
  /**
   * Makes the next version from an uploaded file. The newest version is answered when it came from the same
   * spec and bytes. Errors: INVALID_ARGUMENT, INVALID_INPUT, CONTRACT_BROKEN, NOT_FOUND (no such blob).
   */
  importVersion(ctx: Context, spec: DatasetSpec, sourceDigest: Digest): Promise<DatasetVersion>
  /** The newest version when none is named. Throws NOT_FOUND. */
  getVersion(ctx: Context, name: string, version?: string): Promise<DatasetVersion>
  /** Newest first, by name. */
  list(ctx: Context, name?: string): Promise<readonly DatasetVersion[]>
  /** A version together with its spec, for those who read its rows. Throws NOT_FOUND. */
  open(ctx: Context, name: string, version?: string): Promise<StoredDataset>
  /** The newest version with these rows, for those who read them again. Throws NOT_FOUND. */
  openDigest(ctx: Context, name: string, digest: string): Promise<StoredDataset>
  /** Digest of the newest version; undefined while nothing was imported under that name. Cheap. */
  newestDigest(ctx: Context, name: string): Promise<string | undefined>
  /** Undefined while nothing was imported under that name. */
  find(ctx: Context, name: string, version?: string): Promise<StoredDataset | undefined>
}

export function createData(deps: DataDeps): Data {
  const { catalog } = deps
  /** Imports under way: a second client that asks for the same one waits for it. */
  const underWay = new Map<string, Promise<DatasetVersion>>()

  const find: Data['find'] = async (ctx, name, version) => {
    const named = catalog.read
      .selectFrom('dataset_versions')
      .selectAll()
      .where('project', '=', ctx.project)
      .where('name', '=', name)
    const row =
      version === undefined
        ? await named.orderBy('version', 'desc').limit(1).executeTakeFirst()
        : await named.where('version', '=', Number(version)).executeTakeFirst()
    return row && fromRow(row)
  }

  const open: Data['open'] = async (ctx, name, version) => {
    const stored = await find(ctx, name, version)
    if (stored) return stored
    const wanted = version === undefined ? `dataset ${name}` : `dataset:${name}@${version}`
    throw new GyreError('NOT_FOUND', `no such dataset version: ${wanted}`, { name, version })
  }

  return {
    find,
    open,
    async openDigest(ctx, name, digest) {
      const row = await catalog.read
        .selectFrom('dataset_versions')
        .selectAll()
        .where('project', '=', ctx.project)
        .where('name', '=', name)
        .where('digest', '=', digest)
        .orderBy('version', 'desc')
        .limit(1)
        .executeTakeFirst()
      if (row) return fromRow(row)
      throw new GyreError('NOT_FOUND', `no version of dataset ${name} has ${digest}`, {
        name,
        digest,
      })
    },
    async newestDigest(ctx, name) {
      const row = await catalog.read
        .selectFrom('dataset_versions')
        .select('digest')
        .where('project', '=', ctx.project)
        .where('name', '=', name)
        .orderBy('version', 'desc')
        .limit(1)
        .executeTakeFirst()
      return row?.digest
    },
    async getVersion(ctx, name, version) {
      return (await open(ctx, name, version)).version
    },
    async list(ctx, name) {
      const all = catalog.read
        .selectFrom('dataset_versions')
        .selectAll()
        .where('project', '=', ctx.project)
      const some = name === undefined ? all : all.where('name', '=', name)
      const rows = await some.orderBy('name').orderBy('version', 'desc').execute()
      return rows.map((row) => fromRow(row).version)
    },
    async importVersion(ctx, spec, sourceDigest) {
      assertDatasetSpec(spec)
      const importDigest = digestOfJson({ spec: contentOf(spec), sourceDigest })
      const key = `${ctx.project} ${importDigest}`
      const running =
        underWay.get(key) ??
        importOnce(deps, ctx, spec, sourceDigest, importDigest).finally(() => underWay.delete(key))
      underWay.set(key, running)
      return running
    },
  }
}

/** The spec without the path, which tells where one client keeps the file. */
function contentOf(spec: DatasetSpec): object {
  return { ...spec, source: { format: spec.source.format } }
}

async function importOnce(
  deps: DataDeps,
  ctx: Context,
  spec: DatasetSpec,
  sourceDigest: Digest,
  importDigest: Digest,
): Promise<DatasetVersion> {
  const newest = await deps.catalog.read
    .selectFrom('dataset_versions')
    .selectAll()
    .where('project', '=', ctx.project)
    .where('name', '=', spec.name)
    .orderBy('version', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (newest?.import_digest === importDigest) return fromRow(newest).version
  if (!(await deps.blobs.has(sourceDigest)))
    throw new GyreError('NOT_FOUND', `no such upload: ${sourceDigest}`, { sourceDigest })
  const start = {
    kind: 'import',
    name: spec.name,
    inputs: [{ ref: `artifact:${sourceDigest}`, role: 'source', digest: sourceDigest }],
  }
  return recordedRun(deps.runs, ctx, start, async (run) => {
    const file = await importFile(deps, spec, sourceDigest)
    return keepVersion(deps, ctx, { spec, sourceDigest, importDigest, runId: run.id, file })
  })
}

interface Import {
  readonly spec: DatasetSpec
  readonly sourceDigest: Digest
  readonly importDigest: Digest
  readonly runId: string
  readonly file: ImportedFile
}

/** Version, end of the run and event, in one write. */
async function keepVersion(
  { catalog, clock, events, runs }: DataDeps,
  ctx: Context,
  { spec, sourceDigest, importDigest, runId, file }: Import,
): Promise<DatasetVersion> {
  const createdAt = clock.now().toISOString()
  return catalog.write(async (tx) => {
    const last = await tx
      .selectFrom('dataset_versions')
      .select((eb) => eb.fn.max('version').as('version'))
      .where('project', '=', ctx.project)
      .where('name', '=', spec.name)
      .executeTakeFirst()
    const number = (last?.version ?? 0) + 1
    const ref = datasetRef(spec.name, number)
    const version: DatasetVersion = {
      name: spec.name,
      version: String(number),
      ref,
      sourceDigest,
      runId,
      createdAt,
      ...file,
    }
    const row = toRow(ctx.project, number, importDigest, { version, spec })
    await tx.insertInto('dataset_versions').values(row).execute()
    const outputs = [{ ref, role: 'dataset', digest: file.digest }]
    await runs.finish(ctx, runId, { status: 'succeeded', outputs }, tx)
    await events.append(tx, ctx, {
      type: 'dataset.imported',
      subject: { kind: 'dataset', id: `${spec.name}@${number}` },
      data: { digest: file.digest, sourceDigest, rows: file.rows, runId },
    })
    return version
  })
}

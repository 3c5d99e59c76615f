import { DigestText } from '@gyre/sdk/wire/ref'
import { Manifest } from '@gyre/sdk/wire/manifest'
import { CodeSource } from '@gyre/sdk/wire/run'
import type { Selectable } from 'kysely'
import type { Context } from '../core/context.ts'
import { digestOfJson, type Digest } from '../core/digest.ts'
import { GyreError } from '../core/errors.ts'
import { formatRef, parseRef } from '../core/ref.ts'
import type { Catalog, Tx } from '../store/catalog.ts'
import type { Tables } from '../store/schema.ts'

/** One state of a project's definitions and code, immutable: `code:flights@7`. */
export interface CodeVersion {
  readonly ref: string
  readonly name: string
  readonly version: number
  readonly manifest: Manifest
  readonly manifestDigest: Digest
  /** Digest of the bundle's tree. */
  readonly bundleDigest: Digest
  /** Where the code was when it was first applied. */
  readonly source: CodeSource
  /** Digest of a tree: what no commit had of it then. */
  readonly uncommitted: Digest | undefined
  readonly appliedAt: string
  readonly actor: string
}

type Reader = Tx | Catalog['read']

/** What is in force in the project, or undefined where nothing was applied yet. */
export async function findCurrent(db: Reader, ctx: Context): Promise<CodeVersion | undefined> {
  const row = await db
    .selectFrom('code_versions')
    .selectAll()
    .where('project', '=', ctx.project)
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row && fromRow(row)
}

/** Throws INVALID_ARGUMENT for no `code:` reference, NOT_FOUND for one of which there is nothing. */
export async function getVersion(db: Reader, ctx: Context, ref: string): Promise<CodeVersion> {
  const { kind, name, version } = parseRef(ref)
  if (kind !== 'code')
    throw new GyreError(
      'INVALID_ARGUMENT',
      `expected a reference like code:flights@7, got ${ref}`,
      {
        got: ref,
      },
    )
  const row = await db
    .selectFrom('code_versions')
    .selectAll()
    .where('project', '=', ctx.project)
    .where('name', '=', name)
    .where('version', '=', Number(version))
    .executeTakeFirst()
  if (!row) throw new GyreError('NOT_FOUND', `no such code version: ${ref}`, { ref })
  return fromRow(row)
}

export interface NewCodeVersion {
  readonly version: number
  readonly manifest: Manifest
  readonly bundleDigest: Digest
  readonly source: CodeSource
  readonly uncommitted: Digest | undefined
  readonly appliedAt: string
}

export async function addVersion(
  tx: Tx,
  ctx: Context,
  { version, manifest, bundleDigest, source, uncommitted, appliedAt }: NewCodeVersion,
): Promise<void> {
  await tx
    .insertInto('code_versions')
    .values({
      project: ctx.project,
      name: manifest.name,
      version,
      manifest: JSON.stringify(manifest),
      manifest_digest: digestOfJson(manifest),
      bundle_digest: bundleDigest,
      actor: ctx.actor,
      applied_at: appliedAt,
      source: JSON.stringify(source),
      uncommitted: uncommitted ?? '',
    })
    .execute()
}

export function codeRef(name: string, version: number): string {
  return formatRef({ kind: 'code', name, version: String(version) })
}

function fromRow(row: Selectable<Tables['code_versions']>): CodeVersion {
  return {
    ref: codeRef(row.name, row.version),
    name: row.name,
    version: row.version,
    manifest: Manifest.parse(JSON.parse(row.manifest)),
    manifestDigest: DigestText.parse(row.manifest_digest),
    bundleDigest: DigestText.parse(row.bundle_digest),
    source: CodeSource.parse(JSON.parse(row.source)),
    uncommitted: row.uncommitted === '' ? undefined : DigestText.parse(row.uncommitted),
    appliedAt: row.applied_at,
    actor: row.actor,
  }
}

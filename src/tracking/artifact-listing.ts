import { sql, type Expression, type ExpressionBuilder, type RawBuilder, type SqlBool } from 'kysely'
import { GyreError } from '../core/errors.ts'
import type { Tx } from '../store/catalog.ts'
import type { Tables } from '../store/schema.ts'

/** A file or a folder in a folder. */
export type ArtifactEntry =
  | { readonly kind: 'file'; readonly path: string; readonly bytes: number }
  | { readonly kind: 'folder'; readonly path: string }

export interface ArtifactPage {
  /** By path; a folder where its files would be. */
  readonly entries: readonly ArtifactEntry[]
  /** Hand it in to get the next page; undefined on the last one. */
  readonly next: string | undefined
}

export interface Folder {
  readonly project: string
  readonly root: string
  /** Empty for the root. */
  readonly path: string
}

/** The character after `/`: what begins with a folder's path and it lies behind everything in the folder. */
const AFTER_SLASH = '0'

/** Lower than any character of a path: a file's path and it lie before every other path. */
const LOWEST = '\u0001'

/**
 * One level of a folder. It goes from entry to entry by the index, so that a folder of a million files costs its
 * parent's listing as much as one file.
 */
export async function listFolder(
  db: Tx,
  folder: Folder,
  limit: number,
  cursor?: string,
): Promise<ArtifactPage> {
  const prefix = folder.path === '' ? '' : `${folder.path}/`
  const start = cursor === undefined ? prefix : parseCursor(cursor, prefix)
  const rows = await readEntries(db, folder, prefix, start, limit + 1)
  const entries = rows.slice(0, limit).map(({ path, bytes }): ArtifactEntry => {
    const end = path.indexOf('/', prefix.length)
    return end < 0 ? { kind: 'file', path, bytes } : { kind: 'folder', path: path.slice(0, end) }
  })
  const last = rows.length > limit ? entries.at(-1) : undefined
  return { entries, next: last && cursorAfter(last) }
}

function cursorAfter({ kind, path }: ArtifactEntry): string {
  return Buffer.from(path + (kind === 'file' ? LOWEST : AFTER_SLASH)).toString('base64url')
}

function parseCursor(cursor: string, prefix: string): string {
  const start = Buffer.from(cursor, 'base64url').toString('utf8')
  if (start.startsWith(prefix)) return start
  throw new GyreError('INVALID_ARGUMENT', 'page_token: expected one of this folder’s', {
    field: 'page_token',
  })
}

/** The first file of each entry. */
async function readEntries(
  db: Tx,
  { project, root, path }: Folder,
  prefix: string,
  start: string,
  limit: number,
): Promise<readonly { readonly path: string; readonly bytes: number }[]> {
  const within = path === '' ? sql`` : sql`AND path < ${path + AFTER_SLASH}`
  const firstFrom = (bound: RawBuilder<unknown>) => sql`(
    SELECT path FROM artifact_files
    WHERE project = ${project} AND root = ${root} AND path >= ${bound} ${within}
    ORDER BY path LIMIT 1)`
  const name = sql`substr(entry.path, length(${prefix}) + 1)`
  const afterEntry = sql`CASE instr(${name}, '/')
    WHEN 0 THEN entry.path || ${LOWEST}
    ELSE ${prefix} || substr(${name}, 1, instr(${name}, '/') - 1) || ${AFTER_SLASH} END`
  const { rows } = await sql<{ path: string; bytes: number }>`
    WITH RECURSIVE entry (path) AS (
      SELECT ${firstFrom(sql`${start}`)}
      UNION ALL
      SELECT ${firstFrom(afterEntry)} FROM entry WHERE entry.path IS NOT NULL
      LIMIT ${limit}
    )
    SELECT path, bytes FROM artifact_files
    WHERE project = ${project} AND root = ${root} AND path IN (SELECT path FROM entry)
    ORDER BY path`.execute(db)
  return rows
}

/** The rows of the file at a folder's path and of those below it; of all the root where it is empty. */
export function atOrBelow({ project, root, path }: Folder) {
  return (eb: ExpressionBuilder<Tables, 'artifact_files'>): Expression<SqlBool> => {
    const all = [eb('project', '=', project), eb('root', '=', root)]
    if (path === '') return eb.and(all)
    const below = eb.and([eb('path', '>', `${path}/`), eb('path', '<', path + AFTER_SLASH)])
    return eb.and([...all, eb.or([eb('path', '=', path), below])])
  }
}

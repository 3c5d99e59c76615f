import type { Digest } from '../core/digest.ts'
import { damaged } from './damaged.ts'

/** A file of a backup. Its path is where it lies in a data folder. */
export interface Member {
  readonly path: string
  readonly bytes: number
  readonly digest: Digest
}

/** What a backup holds, in the order in which it comes. */
const PLACES = [
  /^backup\.json$/,
  /^catalog\.db$/,
  /^rows\/[a-zA-Z][\w.-]{0,127}\/seg_\w+\.(?:ndjson|parquet)$/,
  /^blobs\/sha256\/[0-9a-f]{2}\/[0-9a-f]{62}$/,
] as const

export const HEAD_PATH = 'backup.json'
export const CATALOG_PATH = 'catalog.db'

export function rowsPath(path: string): string {
  return `rows/${path}`
}

export function blobPath(digest: Digest): string {
  const hex = digest.slice('sha256:'.length)
  return `blobs/sha256/${hex.slice(0, 2)}/${hex.slice(2)}`
}

/** The digest that the path of a blob says; undefined for another member. */
export function digestIn(path: string): Digest | undefined {
  const [, first, rest] = /^blobs\/sha256\/(..)\/(.+)$/.exec(path) ?? []
  return first === undefined || rest === undefined ? undefined : `sha256:${first}${rest}`
}

/** Refuses paths that no backup holds, and paths out of their order: so none comes twice. Throws DAMAGED. */
export function createOrder(): (path: string) => void {
  let [lastPlace, lastPath] = [-1, '']
  return (path) => {
    const place = PLACES.findIndex((pattern) => pattern.test(path))
    if (place < 0) throw damaged(`it holds ${JSON.stringify(path)}, which belongs in none`)
    const follows = place > lastPlace || (place === lastPlace && path > lastPath)
    if (!follows) throw damaged(`${path} comes after ${lastPath}`)
    ;[lastPlace, lastPath] = [place, path]
  }
}

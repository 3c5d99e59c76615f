import type { VersionKey } from './version-key.ts'

/** A version's files as a path below `mlflow-artifacts:/`. */
export interface VersionPath extends VersionKey {
  /** Below the version's folder; empty for the folder itself. */
  readonly path: string
}

const FOLDER = 'registry'

/** A name that is the same in a path, in a query and in a URL, however often a client decodes it. */
const PLAIN = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/

/**
 * Where MLflow's clients find the files of a version, `registry/churn/7`; any other name than a plain one is `~`
 * and its UTF-8 as base64url, since these clients encode a path once for a download and not at all for a list.
 */
export function versionLocation({ name, version }: VersionKey): string {
  const folder = PLAIN.test(name) ? name : `~${Buffer.from(name).toString('base64url')}`
  return `${FOLDER}/${folder}/${version}`
}

/** Reads a path at or below a `versionLocation`; undefined for any other. */
export function readVersionLocation(text: string): VersionPath | undefined {
  const [, folder = '', version = '', path = ''] =
    /^registry\/([^/]+)\/([1-9]\d{0,8})(?:\/(.*))?$/s.exec(text) ?? []
  const name = folder.startsWith('~')
    ? Buffer.from(folder.slice(1), 'base64url').toString()
    : folder
  const found = { name, version: Number(version), path }
  const isCanonical = version !== '' && `${text}/`.startsWith(`${versionLocation(found)}/`)
  return isCanonical ? found : undefined
}

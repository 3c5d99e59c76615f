import { createHash } from 'node:crypto'
import { Instant } from '@gyre/sdk/wire/ref'
import { z } from 'zod'
import type { Digest } from '../core/digest.ts'
import { GyreError } from '../core/errors.ts'
import { SCHEMA_VERSION } from '../store/schema-version.ts'
import { damaged } from './damaged.ts'
import { parseJsonText } from './json-text.ts'
import type { Member } from './member.ts'

/** What a backup says of itself: its first member, and the first line of its last one. */
const BackupHead = z.strictObject({
  format: z.literal(1),
  /** The Gyre that made it. */
  gyre: z.string().min(1),
  /** The schema of its catalog. */
  schema: z.number().int().positive(),
  at: Instant,
  /** The newest event of its catalog: everything committed until then is in it, and nothing later. */
  event: z.strictObject({ seq: z.number().int().nonnegative(), hash: z.string() }),
})
export type BackupHead = z.infer<typeof BackupHead>

/** The last member. Without it a backup is none. */
export const MANIFEST_PATH = 'manifest.jsonl'

export interface Contents {
  /** Without the manifest. */
  readonly members: number
  readonly bytes: number
}

/**
 * A manifest as it grows: the head, a line for each member, and a last one with the digest of all lines before. Only
 * its length and digests are kept, however many members there are.
 */
export interface ManifestSum {
  add(member: Member): void
  readonly contents: Contents
  /** The last line, the length of the whole text, and its digest. */
  end(): { readonly line: string; readonly bytes: number; readonly digest: Digest }
}

export function sumManifest(head: string): ManifestSum {
  const hash = createHash('sha256').update(head)
  const contents = { members: 0, bytes: 0 }
  let textBytes = Buffer.byteLength(head)
  return {
    contents,
    add(member) {
      const line = memberLine(member)
      hash.update(line)
      textBytes += Buffer.byteLength(line)
      contents.members += 1
      contents.bytes += member.bytes
    },
    end() {
      const listed = `sha256:${hash.copy().digest('hex')}`
      const line = `${JSON.stringify({ ...contents, digest: listed })}\n`
      const digest: Digest = `sha256:${hash.copy().update(line).digest('hex')}`
      return { line, bytes: textBytes + Buffer.byteLength(line), digest }
    },
  }
}

export function memberLine({ path, bytes, digest }: Member): string {
  return `${JSON.stringify({ path, bytes, digest })}\n`
}

export function headLine(head: BackupHead): string {
  return `${JSON.stringify(head)}\n`
}

/** Throws DAMAGED, and NEWER_DATABASE for a backup that a newer Gyre made. */
export function parseHead(line: string): BackupHead {
  const given = parseJsonText(line)
  const { data: newer } = z.looseObject({ schema: z.number(), gyre: z.string() }).safeParse(given)
  if (newer && newer.schema > SCHEMA_VERSION)
    throw new GyreError(
      'NEWER_DATABASE',
      `this backup was made by a newer Gyre (${newer.gyre}, schema ${newer.schema}; this one knows ${SCHEMA_VERSION}): restore it with that version`,
      { schema: newer.schema },
    )
  const head = BackupHead.safeParse(given)
  if (head.success && headLine(head.data) === line) return head.data
  throw damaged('what it says of itself is not as Gyre writes it')
}

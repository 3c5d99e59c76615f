import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { Artifact } from '@gyre/sdk/wire/artifact'
import { ArtifactDigest } from '@gyre/sdk/wire/artifact'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { digestOf, type Digest } from '../core/digest.ts'
import { GyreError } from '../core/errors.ts'
import type { NewId } from '../core/id.ts'
import type { Blobs, Piece } from '../store/blobs.ts'
import type { Catalog, Tx } from '../store/catalog.ts'
import type { Tables } from '../store/schema.ts'
import { dropAbandoned } from './abandoned-uploads.ts'
import { assertNoClash, putFile } from './artifact-file.ts'
import type { Folder } from './artifact-listing.ts'
import type { ArtifactPlace } from './artifact-root.ts'

/** What a client needs to send the parts of an upload. */
export interface BegunUpload {
  readonly id: string
  /** Goes with every part: whoever has it may send one. Never stored, only its digest. */
  readonly secret: string
}

export interface SentPart {
  /** From 1. */
  readonly number: number
  readonly digest: Digest
}

/**
 * Files that come in parts, in any order and several at once, also from one life of the server to the next; all
 * parts but the last are of one size. What was not completed within a day is forgotten.
 */
export interface Uploads {
  begin(ctx: Context, place: ArtifactPlace, parts: number): Promise<BegunUpload>
  /**
   * A part sent again replaces itself. Throws NOT_FOUND, FORBIDDEN for a wrong secret, INVALID_ARGUMENT, CONFLICT
   * while the upload is completed.
   */
  putPart(id: string, part: IncomingPart): Promise<Piece>
  /**
   * Makes the file of the parts. Throws NOT_FOUND, FORBIDDEN for an upload that somebody else began,
   * INVALID_ARGUMENT while a part is missing or another than was stored, CONFLICT while a part is under way or
   * somebody else completes it.
   */
  complete(
    ctx: Context,
    place: ArtifactPlace,
    id: string,
    parts: readonly SentPart[],
  ): Promise<Artifact>
  /** Throws NOT_FOUND, FORBIDDEN. */
  abort(ctx: Context, place: ArtifactPlace, id: string): Promise<void>
}

export interface IncomingPart {
  readonly secret: string
  /** From 1. */
  readonly number: number
  /** As it was announced; only the last part may do without. */
  readonly length: number | undefined
  readonly bytes: AsyncIterable<Uint8Array>
}

export interface UploadsDeps {
  readonly catalog: Catalog
  readonly blobs: Blobs
  readonly clock: Clock
  readonly newId: NewId
}

/** As many as S3 takes. */
const MAX_PARTS = 10_000

/** 5 GiB, as S3 has it. */
const MAX_PART_BYTES = 5 * 1024 ** 3

type Locate = (ctx: Context, place: ArtifactPlace) => Promise<Folder>

type Upload = Tables['artifact_uploads']

/** A completion, or so many parts on their way: a file that becomes a blob is written to by nobody. */
type Work = 'completing' | number

export function createUploads(deps: UploadsDeps, locate: Locate): Uploads {
  const { catalog, blobs, clock, newId } = deps
  const work = new Map<string, Work>()

  async function exclusively<T>(id: string, complete: () => Promise<T>): Promise<T> {
    if (work.has(id)) throw conflict(id, 'is being completed, or a part is under way')
    work.set(id, 'completing')
    try {
      return await complete()
    } finally {
      work.delete(id)
    }
  }

  async function besideOthers<T>(id: string, put: () => Promise<T>): Promise<T> {
    const others = work.get(id) ?? 0
    if (others === 'completing') throw conflict(id, 'is being completed')
    work.set(id, others + 1)
    try {
      return await put()
    } finally {
      const left = Number(work.get(id)) - 1
      if (left > 0) work.set(id, left)
      else work.delete(id)
    }
  }

  /** All parts but the last lie in a draft, each at its place; where the last goes is known when they are there. */
  async function store(
    { id, parts, part_bytes: size }: Upload,
    { number, length, bytes }: IncomingPart,
  ): Promise<Piece> {
    if (number === parts)
      return blobs.put(bytes, { maxBytes: MAX_PART_BYTES, announcedBytes: length })
    if (length === undefined) throw invalid('content-length', 'expected the size of the part')
    if (length > MAX_PART_BYTES || (size !== null && length !== size))
      throw invalid(
        'content-length',
        `expected ${size ?? `at most ${MAX_PART_BYTES}`} bytes, got ${length}`,
      )
    return blobs.draft(id).write((number - 1) * length, bytes, length)
  }

  /** The bytes of all parts as one blob. */
  async function assemble(upload: Upload, pieces: readonly Piece[]): Promise<Artifact> {
    const { id, parts, part_bytes, digest: found } = upload
    const bytes = pieces.reduce((sum, piece) => sum + piece.bytes, 0)
    const mediaType = 'application/octet-stream'
    const last = pieces.at(-1)
    if (parts === 1 && last) return { ...last, mediaType }
    // The server may have ended between the blob and its file.
    const digest = found === null ? undefined : ArtifactDigest.parse(found)
    if (digest !== undefined && (await blobs.has(digest))) return { digest, bytes, mediaType }
    const draft = blobs.draft(id)
    if (last) await draft.write((parts - 1) * (part_bytes ?? 0), await blobs.get(last.digest))
    const artifact = await draft.verify(pieces)
    await catalog.write(async (tx) => {
      const change = { digest: artifact.digest }
      await tx.updateTable('artifact_uploads').set(change).where('id', '=', id).execute()
    })
    await draft.toBlob(artifact.digest)
    return artifact
  }

  return {
    async begin(ctx, place, parts) {
      const { project, root, path } = await locate(ctx, place)
      if (!Number.isInteger(parts) || parts < 1 || parts > MAX_PARTS)
        throw invalid('num_parts', `expected 1 to ${MAX_PARTS} parts, got ${parts}`)
      await dropAbandoned(deps)
      const id = newId('upload')
      const secret = randomBytes(32).toString('base64url')
      await catalog.write(async (tx) => {
        await assertNoClash(tx, { project, root, path })
        await tx
          .insertInto('artifact_uploads')
          .values({
            id,
            project,
            root,
            path,
            actor: ctx.actor,
            secret: digestOf(secret),
            parts,
            part_bytes: null,
            digest: null,
            at_ms: clock.now().getTime(),
          })
          .execute()
      })
      return { id, secret }
    },

    putPart: (id, part) =>
      besideOthers(id, async () => {
        const { number } = part
        const piece = await store(await admitted(catalog.read, id, part), part)
        const content = { digest: piece.digest, bytes: piece.bytes }
        await catalog.write(async (tx) => {
          const { parts, part_bytes } = await admitted(tx, id, part)
          const size = number === parts ? part_bytes : piece.bytes
          if (part_bytes !== null && size !== part_bytes)
            throw invalid('content-length', `expected ${part_bytes} bytes, got ${piece.bytes}`)
          await tx
            .updateTable('artifact_uploads')
            .set({ part_bytes: size, digest: null })
            .where('id', '=', id)
            .execute()
          await tx
            .insertInto('artifact_upload_parts')
            .values({ upload: id, number, ...content })
            .onConflict((conflicting) =>
              conflicting.columns(['upload', 'number']).doUpdateSet(content),
            )
            .execute()
        })
        return piece
      }),

    complete: (ctx, place, id, sent) =>
      exclusively(id, async () => {
        const target = await locate(ctx, place)
        const upload = await own(catalog.read, ctx, target, id)
        const pieces = checkParts(upload, await storedParts(catalog.read, id), sent)
        const artifact = await assemble(upload, pieces)
        await catalog.write(async (tx) => {
          await own(tx, ctx, target, id)
          await tx.deleteFrom('artifact_uploads').where('id', '=', id).execute()
          await putFile(tx, target, artifact, clock.now().getTime())
        })
        return artifact
      }),

    async abort(ctx, place, id) {
      const target = await locate(ctx, place)
      await catalog.write(async (tx) => {
        await own(tx, ctx, target, id)
        await tx.deleteFrom('artifact_uploads').where('id', '=', id).execute()
      })
      await blobs.draft(id).drop()
    },
  }
}

/** The upload that a part is for. Throws NOT_FOUND, FORBIDDEN, INVALID_ARGUMENT. */
async function admitted(
  db: Tx,
  id: string,
  { secret, number }: Pick<IncomingPart, 'secret' | 'number'>,
): Promise<Upload> {
  const upload = await db
    .selectFrom('artifact_uploads')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst()
  if (!upload) throw noUpload(id)
  if (!isSame(upload.secret, digestOf(secret)))
    throw new GyreError('FORBIDDEN', `upload ${id}: the part came with another secret`)
  if (!Number.isInteger(number) || number < 1 || number > upload.parts)
    throw invalid('part_number', `expected 1 to ${upload.parts}, got ${number}`)
  return upload
}

/** The upload of this place that the caller began. Throws NOT_FOUND and FORBIDDEN. */
async function own(db: Tx, ctx: Context, place: Folder, id: string): Promise<Upload> {
  const upload = await db
    .selectFrom('artifact_uploads')
    .selectAll()
    .where('id', '=', id)
    .where('project', '=', place.project)
    .where('root', '=', place.root)
    .where('path', '=', place.path)
    .executeTakeFirst()
  if (!upload) throw noUpload(id)
  if (upload.actor === ctx.actor) return upload
  throw new GyreError('FORBIDDEN', `upload ${id} was begun by somebody else`, { id })
}

async function storedParts(db: Tx, id: string) {
  return db
    .selectFrom('artifact_upload_parts')
    .select(['number', 'digest', 'bytes'])
    .where('upload', '=', id)
    .orderBy('number')
    .execute()
}

/** All parts in order, if they are what the client sent. Throws INVALID_ARGUMENT. */
function checkParts(
  { parts: count }: Upload,
  stored: readonly Omit<Tables['artifact_upload_parts'], 'upload'>[],
  sent: readonly SentPart[],
): Piece[] {
  const told = new Map(sent.map(({ number, digest }) => [number, digest]))
  const known = new Map(stored.map((part) => [part.number, part]))
  if (told.size !== sent.length) throw invalid('parts', 'a part is named twice')
  if (told.size > count) throw invalid('parts', `expected ${count} parts, got ${told.size}`)
  return Array.from({ length: count }, (_, i) => {
    const part = known.get(i + 1)
    if (part === undefined || !told.has(i + 1)) throw invalid('parts', `part ${i + 1} is missing`)
    if (told.get(i + 1) !== part.digest)
      throw invalid('parts', `part ${i + 1} is stored with another ETag: "${part.digest}"`)
    return { digest: ArtifactDigest.parse(part.digest), bytes: part.bytes }
  })
}

function isSame(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))
}

function conflict(id: string, what: string): GyreError {
  return new GyreError('CONFLICT', `upload ${id} ${what}`, { id })
}

function noUpload(id: string): GyreError {
  return new GyreError('NOT_FOUND', `no such upload: ${id}`, { id })
}

function invalid(field: string, message: string): GyreError {
  return new GyreError('INVALID_ARGUMENT', `${field}: ${message}`, { field })
}

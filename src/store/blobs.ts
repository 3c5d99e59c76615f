import type { Readable } from 'node:stream'
import type { Artifact, Tree, TreeEntry } from '@gyre/sdk/wire/artifact'
import type { Digest } from '../core/digest.ts'

export interface PutOptions {
  /** Refuse with INVALID_ARGUMENT, leaving nothing behind, when the bytes have another digest. */
  readonly expected?: Digest
  /** Refuse with TOO_LARGE, leaving nothing behind, past this size. */
  readonly maxBytes?: number
  /** What is to come: DISK_FULL, or TOO_LARGE, before a byte of it is written. */
  readonly announcedBytes?: number | undefined
  /** `application/octet-stream` unless told. */
  readonly mediaType?: string
}

/** Places of bytes from 0, both of them part of it. */
export interface ByteRange {
  readonly first: number
  readonly last: number
}

/** A run of bytes of a draft, and what they must be. */
export interface Piece {
  readonly digest: Digest
  readonly bytes: number
}

/** Bytes that come in pieces, in any order, several at once, and over several lives of the server. */
export interface Draft {
  /** Puts a stream on the disk at its place. Throws DISK_FULL where there is no room for `announcedBytes`, TOO_LARGE past them. */
  write(offset: number, source: AsyncIterable<Uint8Array>, announcedBytes?: number): Promise<Piece>
  /** What a blob of it would be. Throws INVALID_ARGUMENT unless it is these pieces one after the other. */
  verify(pieces: readonly Piece[]): Promise<Artifact>
  /** Moves what was verified into the store; nothing may write to it meanwhile. */
  toBlob(digest: Digest): Promise<void>
  /** What it takes; 0 where there is none. */
  bytes(): Promise<number>
  /** Forgets it, if it is there. */
  drop(): Promise<void>
}

export interface StoredBlob {
  readonly digest: Digest
  readonly bytes: number
  /** When it was last put, asked for with `has`, or made a part of a tree. */
  readonly usedAt: Date
}

/** Some files and what they take. */
export interface Pile {
  readonly files: number
  readonly bytes: number
}

/** Immutable bytes by SHA-256. What `put` has returned survives a power cut. */
export interface Blobs {
  readonly driver: string
  readonly can: { readonly localPath: boolean }
  /** Stores a stream; storing the same bytes again changes nothing. */
  put(source: AsyncIterable<Uint8Array> | Uint8Array, options?: PutOptions): Promise<Artifact>
  /** Moves a finished local file into the store; the file is gone from `path` afterwards. */
  adopt(path: string, mediaType?: string): Promise<Artifact>
  /** A stream of the bytes, or of a range that lies within them. Throws NOT_FOUND before it gives the stream. */
  get(digest: Digest, range?: ByteRange): Promise<Readable>
  /** All bytes at once. Throws NOT_FOUND, and TOO_LARGE past `maxBytes`. */
  read(digest: Digest, maxBytes?: number): Promise<Buffer>
  /** What is there counts as used now: whoever was told so may go on to refer to it. */
  has(digest: Digest): Promise<boolean>
  /** Undefined where they are not stored. */
  sizeOf(digest: Digest): Promise<number | undefined>
  /** Where the bytes lie on this machine, for readers that take a path; throws where `can.localPath` is false. */
  pathOf(digest: Digest): string
  /** A path on the store's own file system for a file that `adopt` will take; swept when the store opens. */
  newTempPath(): string
  /** The draft of that name, which is a plain file name. */
  draft(name: string): Draft
  /** Names of all drafts that hold something. */
  drafts(): Promise<readonly string[]>
  /** Stores a folder as a manifest; entries may come in any order. Throws INVALID_ARGUMENT on a bad or doubled path, NOT_FOUND on a missing artifact. */
  putTree(entries: readonly TreeEntry[]): Promise<Artifact>
  readTree(digest: Digest): Promise<Tree>
  /** Every blob, by digest; one that comes or goes meanwhile may be left out. */
  list(): AsyncIterable<StoredBlob>
  /** Removes a blob that was not used since `before`; false for one that was, or is not there. */
  remove(digest: Digest, before: Date): Promise<boolean>
  /** Files that somebody began and never finished, untouched since `before`. */
  leftovers(before: Date): Promise<Pile>
  /** Removes them, and says what they took. */
  sweep(before: Date): Promise<Pile>
  close(): Promise<void>
}

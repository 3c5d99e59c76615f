import type { Readable } from 'node:stream'
import type { Artifact, Tree, TreeEntry } from '@gyre/sdk/wire/artifact'
import type { Digest } from '../core/digest.ts'

export interface PutOptions {
  /** Refuse with INVALID_ARGUMENT, leaving nothing behind, when the bytes have another digest. */
  readonly expected?: Digest
  /** Refuse with TOO_LARGE, leaving nothing behind, past this size. */
  readonly maxBytes?: number
  /** `application/octet-stream` unless told. */
  readonly mediaType?: string
}

/** Immutable bytes by SHA-256. What `put` has returned survives a power cut. */
export interface Blobs {
  readonly driver: string
  readonly can: { readonly localPath: boolean }
  /** Stores a stream; storing the same bytes again changes nothing. */
  put(source: AsyncIterable<Uint8Array> | Uint8Array, options?: PutOptions): Promise<Artifact>
  /** Moves a finished local file into the store; the file is gone from `path` afterwards. */
  adopt(path: string, mediaType?: string): Promise<Artifact>
  /** A stream of the bytes. Throws NOT_FOUND before it gives the stream. */
  get(digest: Digest): Promise<Readable>
  /** All bytes at once. Throws NOT_FOUND, and TOO_LARGE past `maxBytes`. */
  read(digest: Digest, maxBytes?: number): Promise<Buffer>
  has(digest: Digest): Promise<boolean>
  /** Where the bytes lie on this machine, for readers that take a path; throws where `can.localPath` is false. */
  pathOf(digest: Digest): string
  /** A path on the store's own file system for a file that `adopt` will take; swept when the store opens. */
  newTempPath(): string
  /** Stores a folder as a manifest; entries may come in any order. Throws INVALID_ARGUMENT on a bad or doubled path, NOT_FOUND on a missing artifact. */
  putTree(entries: readonly TreeEntry[]): Promise<Artifact>
  readTree(digest: Digest): Promise<Tree>
  close(): Promise<void>
}

import { crc32 } from 'node:zlib'
import { GyreError } from '../errors.ts'

/** A piece of a W&B transaction log: a record's bytes, or a stretch that cannot be read. */
export type LogPiece =
  | { readonly kind: 'record'; readonly bytes: Uint8Array }
  /** `at` and `length` in bytes of the file. */
  | {
      readonly kind: 'damage'
      readonly at: number
      readonly length: number
      readonly reason: string
    }

/** `:W&B`, the magic number 0xBEE1 little-endian, version 0. */
const HEADER = Uint8Array.from([0x3a, 0x57, 0x26, 0x42, 0xe1, 0xbe, 0])

const BLOCK_BYTES = 32_768

/** crc32 of type and data, uint32; length of the data, uint16; type, uint8: little-endian. */
const FRAME_BYTES = 7

/** Types of frames: a record lies in one, or in a first, some middle (3) and a last one. */
const [FULL, FIRST, LAST] = [1, 2, 4]

/**
 * Records of a `.wandb` file in order: a log in the manner of LevelDB, frames in blocks of 32 KiB. Damage costs the
 * rest of its block and whatever record reached into it; a torn end is damage too. Memory: a block and a record.
 * Throws INVALID_INPUT when the bytes do not begin as such a log does.
 * Source: LevelDB's log_format.md; W&B differs by its header and by taking the CRC of zlib, unmasked.
 */
export async function* readWandbLog(source: AsyncIterable<Uint8Array>): AsyncGenerator<LogPiece> {
  const record = createAssembly()
  let start = 0
  for await (const block of blocksOf(source)) {
    if (start === 0) assertHeader(block)
    let at = start === 0 ? HEADER.length : 0
    while (block.length - at >= FRAME_BYTES) {
      const frame = readFrame(block, at)
      if ('reason' in frame) {
        yield* record.abandon(start + at)
        yield damage(start + at, block.length - at, frame.reason)
        at = block.length
        break
      }
      yield* record.add(frame, start + at)
      at += FRAME_BYTES + frame.data.length
    }
    // The last bytes of a full block are too few for a frame, and zero.
    if (at < block.length && block.length < BLOCK_BYTES)
      yield damage(start + at, block.length - at, 'it ends in the middle of a frame')
    start += block.length
  }
  if (start === 0) assertHeader(new Uint8Array())
  yield* record.abandon(start)
}

interface Frame {
  readonly type: number
  readonly data: Uint8Array
}

function readFrame(block: Uint8Array, at: number): Frame | { readonly reason: string } {
  const view = new DataView(block.buffer, block.byteOffset + at)
  const [crc, length, type] = [view.getUint32(0, true), view.getUint16(4, true), view.getUint8(6)]
  const end = at + FRAME_BYTES + length
  if (end > block.length)
    return {
      reason:
        block.length < BLOCK_BYTES
          ? 'it ends in the middle of a frame'
          : 'a frame reaches out of its block',
    }
  if (type < FULL || type > LAST) return { reason: `a frame of the unknown type ${type}` }
  if (crc32(block.subarray(at + FRAME_BYTES - 1, end)) !== crc)
    return { reason: 'a frame whose checksum is wrong' }
  return { type, data: block.subarray(at + FRAME_BYTES, end) }
}

/** Puts records together whose frames follow each other. */
function createAssembly() {
  let parts: Uint8Array[] = []
  let began = 0

  function* abandon(at: number): Generator<LogPiece> {
    if (parts.length > 0) yield damage(began, at - began, 'a record without its end')
    parts = []
  }

  return {
    abandon,
    *add({ type, data }: Frame, at: number): Generator<LogPiece> {
      if (type === FULL || type === FIRST) yield* abandon(at)
      else if (parts.length === 0) {
        yield damage(at, FRAME_BYTES + data.length, 'a piece of a record without its beginning')
        return
      }
      if (parts.length === 0) began = at
      parts.push(data)
      if (type === FULL || type === LAST) {
        const [only] = parts
        yield {
          kind: 'record',
          bytes: parts.length === 1 && only ? only : Buffer.concat(parts),
        }
        parts = []
      }
    },
  }
}

async function* blocksOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let block = new Uint8Array(BLOCK_BYTES)
  let filled = 0
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + BLOCK_BYTES - filled)
      block.set(part, filled)
      at += part.length
      filled += part.length
      if (filled < BLOCK_BYTES) continue
      yield block
      block = new Uint8Array(BLOCK_BYTES)
      filled = 0
    }
  }
  if (filled > 0) yield block.subarray(0, filled)
}

function assertHeader(block: Uint8Array): void {
  if (HEADER.every((byte, i) => block[i] === byte)) return
  throw new GyreError('INVALID_INPUT', 'expected a transaction log of W&B, version 0', {
    field: 'file',
  })
}

function damage(at: number, length: number, reason: string): LogPiece {
  return { kind: 'damage', at, length, reason }
}

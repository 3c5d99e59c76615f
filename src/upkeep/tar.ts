import { damaged } from './damaged.ts'

const BLOCK = 512

/** Eleven octal digits, which is all that a header has room for. */
const MAX_PLAIN_BYTES = 8 ** 11 - 1

const MAX_PLAIN_PATH = 100

/** Of an extended header: a path of 255 characters and a size, many times over. */
const MAX_EXTENDED_BYTES = 4_096

/** What ends an archive. */
export const TAR_END: Uint8Array = Buffer.alloc(2 * BLOCK)

/**
 * What stands before the content of a file. Source: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Extended
 * Header". Owners and times are left at 0: the same files make the same archive.
 */
export function tarHeader(path: string, bytes: number): Buffer {
  if (bytes <= MAX_PLAIN_BYTES && Buffer.byteLength(path) <= MAX_PLAIN_PATH)
    return block(path, bytes, '0')
  const records = record('path', path) + record('size', String(bytes))
  const extended = Buffer.byteLength(records)
  return Buffer.concat([
    block('pax', extended, 'x'),
    Buffer.from(records),
    tarPadding(extended),
    block('file', Math.min(bytes, MAX_PLAIN_BYTES), '0'),
  ])
}

/** What fills the last block of so many bytes. */
export function tarPadding(bytes: number): Buffer {
  return Buffer.alloc((BLOCK - (bytes % BLOCK)) % BLOCK)
}

/** Takes the content of one file, all of it, before the next one comes. */
export type OnFile = (
  path: string,
  bytes: number,
  content: AsyncIterable<Uint8Array>,
) => Promise<void>

/**
 * Reads an archive that was made of the above and nothing else, to its last byte. Throws DAMAGED for any other: one
 * that is cut off, a header that these functions would have written otherwise, a link, a folder.
 */
export async function readTar(source: AsyncIterable<Uint8Array>, onFile: OnFile): Promise<void> {
  const bytes = createReader(source)
  for (;;) {
    const first = await bytes.take(BLOCK)
    if (first.equals(TAR_END.subarray(0, BLOCK))) break
    const { path, size } = await readHeader(first, (count) => bytes.take(count))
    await onFile(path, size, bytes.some(size))
    const padding = tarPadding(size)
    if (!(await bytes.take(padding.length)).equals(padding))
      throw damaged(`something stands behind the content of ${path}`)
  }
  if (!(await bytes.take(BLOCK)).equals(TAR_END.subarray(BLOCK)) || (await bytes.isMore()))
    throw damaged('something stands behind its end')
}

async function readHeader(
  first: Buffer,
  take: (bytes: number) => Promise<Buffer>,
): Promise<{ readonly path: string; readonly size: number }> {
  assertFile(first, '0x')
  if (first.toString('latin1', 156, 157) === '0') {
    const [path, size] = [textAt(first, 0, MAX_PLAIN_PATH), sizeIn(first)]
    assertSame(first, path, size)
    return { path, size }
  }
  const extended = sizeIn(first)
  if (!(extended <= MAX_EXTENDED_BYTES)) throw damaged('an extended header is too long')
  const rest = await take(extended + tarPadding(extended).length)
  const second = await take(BLOCK)
  assertFile(second, '0')
  const records = /^\d+ path=(.*)\n\d+ size=(\d+)\n$/s.exec(rest.toString('utf8', 0, extended))
  const [path, size] = [records?.[1] ?? '', Number(records?.[2])]
  assertSame(Buffer.concat([first, rest, second]), path, size)
  return { path, size }
}

function assertFile(header: Buffer, types: string): void {
  const type = header.toString('latin1', 156, 157)
  if (types.includes(type)) return
  const name = textAt(header, 0, MAX_PLAIN_PATH)
  throw damaged(`${JSON.stringify(name)} is no plain file (type ${JSON.stringify(type)})`)
}

function assertSame(given: Buffer, path: string, size: number): void {
  if (Number.isSafeInteger(size) && given.equals(tarHeader(path, size))) return
  throw damaged(`the header of ${JSON.stringify(path)} is not as Gyre writes it`)
}

function block(path: string, bytes: number, type: '0' | 'x'): Buffer {
  const header = Buffer.alloc(BLOCK)
  header.write(path, 0, 'utf8')
  header.write('0000640\0', 100, 'latin1')
  header.write('0000000\0', 108, 'latin1')
  header.write('0000000\0', 116, 'latin1')
  header.write(`${octal(bytes, 11)}\0`, 124, 'latin1')
  header.write(`${octal(0, 11)}\0`, 136, 'latin1')
  // The sum is taken with blanks in its own place.
  header.write(' '.repeat(8), 148, 'latin1')
  header.write(type, 156, 'latin1')
  header.write('ustar\x0000', 257, 'latin1')
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${octal(sum, 6)}\0 `, 148, 'latin1')
  return header
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0')
}

function textAt(header: Buffer, start: number, length: number): string {
  const field = header.subarray(start, start + length)
  const end = field.indexOf(0)
  return field.toString('utf8', 0, end < 0 ? length : end)
}

function sizeIn(header: Buffer): number {
  return Number.parseInt(textAt(header, 124, 12), 8)
}

/** `LENGTH KEY=VALUE`, where the length is that of the whole line, itself included. */
function record(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`
  const bytes = Buffer.byteLength(rest)
  const digits = String(bytes + String(bytes).length).length
  return `${bytes + digits}${rest}`
}

interface Reader {
  /** Exactly so many bytes; for small numbers. */
  take(bytes: number): Promise<Buffer>
  /** The next so many bytes, as they come. */
  some(bytes: number): AsyncGenerator<Uint8Array>
  isMore(): Promise<boolean>
}

function createReader(source: AsyncIterable<Uint8Array>): Reader {
  const chunks = source[Symbol.asyncIterator]()
  let rest: Uint8Array = Buffer.alloc(0)

  async function isMore(): Promise<boolean> {
    while (rest.byteLength === 0) {
      const next = await chunks.next()
      if (next.done === true) return false
      rest = next.value
    }
    return true
  }

  async function* some(bytes: number): AsyncGenerator<Uint8Array> {
    for (let left = bytes; left > 0;) {
      if (!(await isMore())) throw damaged('it ends in the middle')
      const piece = rest.subarray(0, left)
      rest = rest.subarray(piece.byteLength)
      left -= piece.byteLength
      yield piece
    }
  }

  async function take(bytes: number): Promise<Buffer> {
    const pieces: Uint8Array[] = []
    for await (const piece of some(bytes)) pieces.push(piece)
    return Buffer.concat(pieces)
  }

  return { take, some, isMore }
}

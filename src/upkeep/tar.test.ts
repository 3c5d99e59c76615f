import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { tempFolder } from '../store/fixture.ts'
import { readTar, TAR_END, tarHeader, tarPadding } from './tar.ts'

const run = promisify(execFile)

const LONG = `rows/${'n'.repeat(128)}/seg_1.ndjson`

function archiveOf(...files: readonly (readonly [string, string])[]): Buffer {
  const parts = files.flatMap(([path, text]) => [
    tarHeader(path, Buffer.byteLength(text)),
    Buffer.from(text),
    tarPadding(Buffer.byteLength(text)),
  ])
  return Buffer.concat([...parts, TAR_END])
}

/** In pieces of so many bytes, which end nowhere in particular. */
function inPieces(bytes: Buffer, size: number): Readable {
  const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
    bytes.subarray(i * size, (i + 1) * size),
  )
  return Readable.from(pieces)
}

async function filesOf(bytes: Buffer, size = 100): Promise<readonly (readonly [string, string])[]> {
  const files: (readonly [string, string])[] = []
  await readTar(inPieces(bytes, size), async (path, _bytes, content) => {
    files.push([path, Buffer.concat(await Readable.from(content).toArray()).toString()])
  })
  return files
}

const FILES = [
  ['catalog.db', 'a'.repeat(1_000)],
  [LONG, ''],
  ['é.txt', 'b'.repeat(512)],
] as const

test('the tar of the system lists and unpacks what is written', async () => {
  const folder = await tempFolder()
  const path = join(folder, 'a.tar')
  await writeFile(path, archiveOf(...FILES))
  const { stdout } = await run('tar', ['-tf', path, '--quoting-style=literal'])
  expect(stdout.split('\n').slice(0, -1)).toEqual(FILES.map(([name]) => name))
  const { stdout: content } = await run('tar', ['-xOf', path, 'catalog.db'])
  expect(content).toBe('a'.repeat(1_000))
})

test('a file of 9 GiB has its size in an extended header', async () => {
  const path = join(await tempFolder(), 'a.tar')
  await writeFile(path, tarHeader('large', 9 * 1024 ** 3))
  // The content is not there, and tar says so after it has listed it.
  const ended = await run('tar', ['-tvf', path]).catch((error: { stdout: string }) => error)
  expect(ended.stdout).toMatch(/ 9663676416 .* large\n/)
})

test.each([1, 511, 512, 100_000])('what was written is read back in pieces of %d', async (size) => {
  expect(await filesOf(archiveOf(...FILES), size)).toEqual(FILES)
})

test('an archive that is cut off anywhere is refused', async () => {
  const whole = archiveOf(...FILES)
  for (let end = 0; end < whole.length; end += 97)
    await expect(filesOf(whole.subarray(0, end))).rejects.toMatchObject({ code: 'DAMAGED' })
})

test('one changed byte outside the content of a file is refused', async () => {
  const whole = archiveOf(['a', 'content'], ['b', ''])
  for (let at = 0; at < whole.length; at += 1) {
    if (at >= 512 && at < 512 + 'content'.length) continue
    const changed = Buffer.from(whole)
    changed[at] = (changed[at] ?? 0) ^ 1
    await expect(filesOf(changed)).rejects.toMatchObject({ code: 'DAMAGED' })
  }
})

test('what other programs pack besides plain files is refused', async () => {
  const folder = await tempFolder()
  await writeFile(join(folder, 'file'), 'a')
  await run('ln', ['-s', '/etc/passwd', join(folder, 'link')])
  await run('ln', [join(folder, 'file'), join(folder, 'hard')])
  for (const names of [['link'], ['file', 'hard'], ['.']]) {
    const { stdout } = await run('tar', ['-cf', '-', '-C', folder, ...names], {
      encoding: 'buffer',
    })
    await expect(filesOf(stdout)).rejects.toMatchObject({ code: 'DAMAGED' })
  }
})

import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tempFolder } from './contract/temp-folder.ts'
import { openFolder } from './folder.ts'

test('a second opener is refused and told who holds the folder', async () => {
  const path = await tempFolder()
  const first = await openFolder(path)
  await expect(openFolder(path)).rejects.toMatchObject({
    code: 'FOLDER_LOCKED',
    details: { path, pid: process.pid },
  })
  await first.close()
  const second = await openFolder(path)
  expect(second.path).toBe(path)
  await second.close()
})

test('the note of a holder that was killed is no lock', async () => {
  const path = await tempFolder()
  await writeFile(join(path, 'lock.json'), '{"pid":1}')
  const folder = await openFolder(path)
  expect(folder.path).toBe(path)
  await folder.close()
})

test('a path that cannot be a folder is FOLDER_NOT_WRITABLE, with the remedy', async () => {
  const file = join(await tempFolder(), 'file')
  await writeFile(file, '', { mode: 0o777 })
  for (const path of [file, join(file, 'data'), join(file, 'deep', 'data'), '/proc/gyre/data'])
    await expect(openFolder(path)).rejects.toMatchObject({
      code: 'FOLDER_NOT_WRITABLE',
      message: expect.stringContaining('--data'),
    })
})

test('a folder is made with the folders above it', async () => {
  const path = join(await tempFolder(), 'not', 'there', 'yet')
  const folder = await openFolder(path)
  expect(await readdir(path)).toContain('lock.db')
  await folder.close()
})

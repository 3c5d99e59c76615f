import { mkdir, mkdtemp, open, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { judge } from '../evaluate/gate.ts'
import { folderBytes } from './folder-size.ts'

const MIB = 1024 * 1024

const passes = (sizeBytes: number) =>
  judge({ metrics: { sizeBytes } }, { sizeBytes: { below: 500 * MIB } }).passed

test('a model of 500 MiB fails a bound of as much, a byte less passes; holes in files count', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gyre-size-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await mkdir(join(folder, 'deep'))
  await writeFile(join(folder, 'model.json'), '{}')
  const path = join(folder, 'deep', 'model.onnx')
  await (await open(path, 'w')).close()
  await truncate(path, 500 * MIB - 2)
  expect(await folderBytes(folder)).toBe(524_288_000)
  expect(passes(await folderBytes(folder))).toBe(false)
  await truncate(path, 500 * MIB - 3)
  expect(passes(await folderBytes(folder))).toBe(true)
})

test('a folder without files weighs nothing, one that is not there is an error', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gyre-size-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  expect(await folderBytes(folder)).toBe(0)
  await expect(folderBytes(join(folder, 'none'))).rejects.toThrow('ENOENT')
})

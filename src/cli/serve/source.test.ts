import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { endpointName, readSource } from './source.ts'

test.each(['models:/churn', 'models:/', 'models:/a/b/c', 'runs:/4f/', 'runs:/4f', 'runs:/4f/../x'])(
  '%s is told what is expected',
  async (text) => {
    await expect(readSource(text)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/^source: expected models:\/NAME@ALIAS/),
    })
  },
)

async function tempFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gyre-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return folder
}

async function named(text: string) {
  const source = await readSource(text)
  return [source.kind, endpointName(source, undefined)]
}

test('a path that is not there, and a name that is none, are refused', async () => {
  const folder = await tempFolder()
  await expect(readSource(join(folder, 'gone'))).rejects.toMatchObject({ code: 'ENOENT' })
  expect(() => endpointName({ kind: 'file', path: '7.onnx' }, undefined)).toThrow(/^name: .*"7"/)
  expect(() => endpointName({ kind: 'file', path: 'a.onnx' }, 'a b')).toThrow(/--name/)
})

test('what is served says how it is called', async () => {
  const folder = await tempFolder()
  await mkdir(join(folder, 'churn'))
  await writeFile(join(folder, 'net.v2.onnx'), '')
  expect(await named('models:/churn@production')).toEqual(['version', 'churn'])
  expect(await named('models:/churn/3')).toEqual(['version', 'churn'])
  expect(await named('runs:/4f2a/models/churn')).toEqual(['held', 'churn'])
  expect(await named('models:/m-4f2a')).toEqual(['held', 'm-4f2a'])
  expect(await named(`${folder}/churn/`)).toEqual(['folder', 'churn'])
  expect(await named(join(folder, 'net.v2.onnx'))).toEqual(['file', 'net.v2'])
})

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { MODULES, readConfig } from './config.ts'

async function folderWith(text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gyre-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'gyre.json'), text)
  return folder
}

const BAD_FILES: readonly (readonly [string, RegExp])[] = [
  ['', /^gyre\.json: expected a JSON object \(Unexpected end/],
  ['{', /^gyre\.json: expected a JSON object \(Expected property name/],
  ['[]', /^gyre\.json: expected a JSON object$/],
  [
    '{"prot": 1}',
    /^gyre\.json: prot: no such setting; there are port, host, data, modules, allowedHosts/,
  ],
  ['{"port": "many"}', /^gyre\.json: port: expected a number, got "many"$/],
  ['{"allowedHosts": "a"}', /^gyre\.json: allowedHosts: .*expected array.* got "a"/],
  ['{"modules": ["magic"]}', /^gyre\.json: modules\.0: .*"serving".* got \["magic"\]/],
  ['{"modules": ""}', /^gyre\.json: modules\.0: .* got ""/],
  ['{"allowedHosts": [""]}', /^gyre\.json: allowedHosts\.0: .* got \[""\]/],
  ['{"maxBodyBytes": 10}', /^gyre\.json: maxBodyBytes: .*>=1024.* got 10/],
]

test('every bad gyre.json is refused with the key and what was expected', async () => {
  for (const [text, message] of BAD_FILES) {
    const folder = await folderWith(text)
    expect(() => readConfig({}, {}, folder)).toThrowError(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        message: expect.stringMatching(message),
      }),
    )
  }
})

test('a bad flag or variable is called by its name', () => {
  expect(() => readConfig({ port: '99999' }, {}, '/nowhere')).toThrowError(
    /^--port: .*<=65535.* got "99999"/,
  )
  expect(() => readConfig({}, { GYRE_LOG_LEVEL: 'loud' }, '/nowhere')).toThrowError(
    /^GYRE_LOG_LEVEL: .*"debug".* got "loud"/,
  )
})

const modulesOf = (modules?: string) => readConfig({ modules }, {}, '/nowhere').modules

test('a module brings those it stands on, in one order and once', () => {
  expect(modulesOf('tracking')).toEqual(['tracking'])
  expect(modulesOf('serving')).toEqual(['registry', 'serving'])
  expect(modulesOf('monitoring,features')).toEqual([
    'data',
    'features',
    'registry',
    'serving',
    'monitoring',
  ])
  expect(modulesOf('serving, registry')).toEqual(['registry', 'serving'])
  expect(modulesOf()).toEqual([...MODULES])
})

test('pickles are opened where a flag, a variable or the file says so', () => {
  expect(() => readConfig({}, { GYRE_ALLOW_PICKLE: 'yes' })).toThrow(/^GYRE_ALLOW_PICKLE: /)
  expect(readConfig({}, {}).allowPickle).toBe(false)
  expect(readConfig({}, { GYRE_ALLOW_PICKLE: 'true' }).allowPickle).toBe(true)
  expect(readConfig({ allowPickle: true }, { GYRE_ALLOW_PICKLE: 'false' }).allowPickle).toBe(true)
})

test('flags beat the environment, the environment beats the file, the file beats what is built in', async () => {
  const file = { port: 7401, host: '127.0.0.2', data: '/file', maxBodyBytes: 2048 }
  const folder = await folderWith(JSON.stringify(file))
  const config = readConfig({ port: '7403' }, { GYRE_PORT: '7402', GYRE_DATA: '/env' }, folder)
  expect(config).toMatchObject({
    port: 7403,
    data: '/env',
    host: '127.0.0.2',
    maxBodyBytes: 2048,
    logLevel: 'info',
  })
})

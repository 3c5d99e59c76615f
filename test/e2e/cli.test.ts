import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { tempFolder } from '../../src/store/contract/temp-folder.ts'
import { gyre, takenPort, up } from './program.ts'

const OLD_NODE = fileURLToPath(new URL('./old-node.cjs', import.meta.url))
const BUILD_MS = 120_000

beforeAll(async () => {
  const { code, stderr } = await gyre(['--build-only'])
  if (code !== 0) throw new Error(`the build failed: ${stderr}`)
}, BUILD_MS)

/** One line on stderr that matches, nothing on stdout, and the exit code. */
function refusal(code: number, line: RegExp) {
  return { code, stdout: '', stderr: expect.stringMatching(oneLine(line)) }
}

function oneLine(line: RegExp): RegExp {
  return new RegExp(`^gyre: (?=[^\\n]*${line.source})[^\\n]+\\n$`)
}

test('a taken port is exit 2 and says how to choose another', async () => {
  const port = String(await takenPort())
  const ended = await gyre(['up', '--port', port, '--data', join(await tempFolder(), 'data')])
  expect(ended).toEqual(refusal(2, new RegExp(`port ${port} is taken.*--port`)))
})

test('a data folder that cannot be written is exit 2 and says how to choose another', async () => {
  const file = join(await tempFolder(), 'file')
  await writeFile(file, '')
  for (const data of [file, join(file, 'data'), '/proc/gyre'])
    expect(await gyre(['up', '--port', '0', '--data', data])).toEqual(
      refusal(2, /cannot write to the data folder .*--data/),
    )
})

test('a second server on the same folder is exit 3, names the first, and leaves it be', async () => {
  const data = await tempFolder()
  const first = await up(data)
  expect(await gyre(['up', '--port', '0', '--data', data])).toEqual(
    refusal(3, /the data folder .* is in use by process \d+: stop it, or .*--data/),
  )
  const health = await fetch(`${first.url}/health`)
  expect(await health.json()).toEqual({ status: 'healthy' })
})

test('a Node that is too old is exit 2, whatever is asked, and says which to install', async () => {
  for (const [version, args] of [
    ['18.20.8', ['up']],
    ['20.19.6', ['--version']],
  ] as const)
    expect(await gyre(args, { node: ['--require', OLD_NODE], env: { OLD_NODE: version } })).toEqual(
      refusal(2, new RegExp(`Node ${version} is too old; install Node 20.20 or newer`)),
    )
})

import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { LINEAR3_OF_1_2_HALF, LINEAR3_ONNX } from '../../../src/infer/fixture.ts'
import { tempFolder } from '../../../src/store/contract/temp-folder.ts'
import { build, launch } from '../../e2e/program.ts'
import { pinnedPython } from '../python.ts'

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

const CONFIG = `
name: "churn"
platform: "onnxruntime_onnx"
max_batch_size: 8
input [ { name: "features" data_type: TYPE_FP32 dims: [ 3 ] } ]
output [ { name: "probability" data_type: TYPE_FP32 dims: [ 1 ] } ]
version_policy: { specific { versions: [ 1, 3 ] } }
dynamic_batching { preferred_batch_size: [ 4, 8 ] max_queue_delay_microseconds: 100 }
instance_group [ { count: 1 kind: KIND_CPU } ]
`

/** Of three zeros: sigmoid(0.1) by numpy 2.4. */
const BOTH = [[expect.closeTo(LINEAR3_OF_1_2_HALF, 6)], [expect.closeTo(0.52497918747894, 6)]]

test('the client of Triton asks, unloads and loads the models of a repository', async () => {
  const python = await pinnedPython(here('./requirements.txt'))
  await build()
  const folder = await tempFolder()
  for (const version of ['1', '2', '3']) {
    await mkdir(join(folder, 'models', 'churn', version), { recursive: true })
    await writeFile(join(folder, 'models', 'churn', version, 'model.onnx'), LINEAR3_ONNX)
  }
  await writeFile(join(folder, 'models', 'churn', 'config.pbtxt'), CONFIG)
  const command = ['serve', join(folder, 'models')]
  const server = await launch(join(folder, 'data'), { command })
  const asked = [here('./repository_client.py'), new URL(server.url).host]
  const { stdout } = await promisify(execFile)(python, asked)
  const ready = { name: 'churn', state: 'READY', reason: '' }
  expect(JSON.parse(stdout)).toEqual({
    index: [
      { ...ready, version: '3' },
      { ...ready, version: '1' },
    ],
    config: 8,
    answers: [
      ['3', BOTH],
      ['1', BOTH],
      ['3', BOTH],
    ],
    policy: '404',
    unloaded: [false, '503'],
    loaded: [true, '3'],
    unknown: '404',
    configured: '400',
  })
  expect((await server.stop('SIGTERM')).code).toBe(0)
}, 1_200_000)

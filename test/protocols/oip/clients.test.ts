import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { LINEAR3_OF_1_2_HALF, LINEAR3_ONNX } from '../../../src/infer/fixture.ts'
import { tempFolder } from '../../../src/store/contract/temp-folder.ts'
import { build, launch } from '../../e2e/program.ts'
import { pinnedPython } from '../python.ts'

const MINUTES = 60_000
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

/** sigmoid(0.1) by numpy 2.4. */
const OF_ZEROS = 0.52497918747894

const close = (value: number) => expect.closeTo(value, 6)
const BOTH = [[close(LINEAR3_OF_1_2_HALF)], [close(OF_ZEROS)]]

/** Durations are whole nanoseconds: numbers over HTTP, digits in the JSON of a gRPC message. */
const spent = (count: number) => ({ count, ns: expect.any(Number) })
const digits = expect.stringMatching(/^[1-9]\d*$/)
const spentDigits = (count: string) => ({ count, ns: digits })

const METADATA = {
  name: 'churn',
  versions: ['1'],
  platform: 'onnxruntime_onnx',
  inputs: [{ name: 'features', datatype: 'FP32', shape: ['-1', '3'] }],
  outputs: [{ name: 'probability', datatype: 'FP32', shape: ['-1', '1'] }],
}

test(
  'their gRPC clients ask it too',
  async () => {
    const python = await pinnedPython(here('./requirements.txt'))
    await build()
    const folder = await tempFolder()
    const file = join(folder, 'churn.onnx')
    await writeFile(file, LINEAR3_ONNX)
    const command = ['serve', file, '--grpc-port', '0']
    const server = await launch(join(folder, 'data'), { command })
    const [, address = ''] = await server.says(/gRPC on (\S+)/)
    const ask = async (client: string): Promise<unknown> => {
      const args = [here('./grpc_clients.py'), address, 'churn', client]
      return JSON.parse((await promisify(execFile)(python, args)).stdout)
    }
    expect(await ask('triton')).toEqual({
      triton: {
        live: true,
        ready: [true, true, true],
        server: 'gyre',
        model: METADATA,
        index: { models: [{ name: 'churn', version: '1', state: 'READY' }] },
        infer: ['7', '1', BOTH],
        big: [20_000, 1],
        classes: ['0', '0'],
        wrong: [
          'StatusCode.INVALID_ARGUMENT',
          'inputs.features: model:churn@1 expects FP32 [-1,3], got FP64 [1,3]',
        ],
        unknown: [
          'StatusCode.NOT_FOUND',
          'endpoint: no such endpoint nope; known endpoints: churn',
        ],
        stats: {
          model_stats: [
            {
              name: 'churn',
              version: '1',
              last_inference: digits,
              inference_count: String(2 + 20_000 + 2),
              execution_count: '3',
              inference_stats: {
                success: spentDigits('3'),
                fail: {},
                queue: spentDigits('3'),
                compute_input: spentDigits('3'),
                compute_infer: spentDigits('3'),
                compute_output: spentDigits('3'),
                cache_hit: {},
                cache_miss: {},
              },
              batch_stats: [
                {
                  batch_size: '2',
                  compute_input: spentDigits('2'),
                  compute_infer: spentDigits('2'),
                  compute_output: spentDigits('2'),
                },
                {
                  batch_size: '20000',
                  compute_input: spentDigits('1'),
                  compute_infer: spentDigits('1'),
                  compute_output: spentDigits('1'),
                },
              ],
            },
          ],
        },
        'all stats': ['churn'],
      },
      'triton aio': BOTH,
    })
    expect(await ask('kserve')).toEqual({
      'kserve typed': [true, BOTH],
      'kserve raw': [true, BOTH],
    })
    expect((await server.stop('SIGTERM')).code).toBe(0)
  },
  20 * MINUTES,
)

test(
  'the clients of Triton and of KServe ask a served file by JSON, by bytes, packed and at once',
  async () => {
    const python = await pinnedPython(here('./requirements.txt'))
    await build()
    const folder = await tempFolder()
    const file = join(folder, 'churn.onnx')
    await writeFile(file, LINEAR3_ONNX)
    const server = await launch(join(folder, 'data'), { command: ['serve', file] })
    const { stdout } = await promisify(execFile)(python, [
      here('./clients.py'),
      server.url,
      'churn',
    ])
    expect(JSON.parse(stdout)).toEqual({
      triton: {
        live: true,
        ready: [true, true, true],
        server: 'gyre',
        model: {
          name: 'churn',
          versions: ['1'],
          platform: 'onnxruntime_onnx',
          inputs: [{ name: 'features', datatype: 'FP32', shape: [-1, 3] }],
          outputs: [{ name: 'probability', datatype: 'FP32', shape: [-1, 1] }],
        },
        config: 32,
        index: [{ name: 'churn', version: '1', state: 'READY', reason: '' }],
        binary: ['7', BOTH],
        json: ['7', BOTH],
        default: BOTH,
        gzip: [[close(LINEAR3_OF_1_2_HALF)], [close(LINEAR3_OF_1_2_HALF)]],
        deflate: [[close(LINEAR3_OF_1_2_HALF)], [close(LINEAR3_OF_1_2_HALF)]],
        async: BOTH,
        classes: ['0', '0'],
        wrong: ['400', 'inputs.features: model:churn@1 expects FP32 [-1,3], got FP64 [1,3]'],
        missing: ['400', 'inputs: expected an array of at least one tensor'],
        urgent: BOTH,
        level: '400',
        'no stats': '404',
        // Of 18 requests three were refused before they reached the queue.
        stats: {
          model_stats: [
            {
              name: 'churn',
              version: '1',
              last_inference: expect.any(Number),
              inference_count: 2 * 3 + 2 * 400 + 2 * 8 + 2 + 2,
              execution_count: expect.any(Number),
              inference_stats: {
                success: spent(15),
                fail: { count: 0, ns: 0 },
                queue: spent(15),
                compute_input: spent(15),
                compute_infer: spent(15),
                compute_output: spent(15),
                cache_hit: { count: 0, ns: 0 },
                cache_miss: { count: 0, ns: 0 },
              },
              response_stats: {},
              batch_stats: expect.arrayContaining([
                {
                  batch_size: 400,
                  compute_input: spent(2),
                  compute_infer: spent(2),
                  compute_output: spent(2),
                },
              ]),
              memory_usage: [],
            },
          ],
        },
        'all stats': ['churn'],
      },
      'triton aio': BOTH,
      'kserve json': [true, BOTH],
      'kserve binary': [true, BOTH],
      'kserve v1': BOTH,
    })
    expect((await server.stop('SIGTERM')).code).toBe(0)
  },
  20 * MINUTES,
)

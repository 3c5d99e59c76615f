import { join } from 'node:path'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { tempFolder } from '../../../src/store/contract/temp-folder.ts'
import { build, gyre, up } from '../../e2e/program.ts'
import { infer, MINUTES, near, python } from './serving.ts'

const Logged = z.object({
  rows: z.array(z.number()),
  versions: z.array(z.object({ run: z.string(), model: z.string(), answer: z.array(z.number()) })),
  folder: z.array(z.number()),
})

test(
  'an ONNX model that mlflow logged is served by its alias, its version, its run or its folder, as onnxruntime answers',
  async () => {
    await build()
    const folder = await tempFolder()
    const server = await up(join(folder, 'data'))
    const saved = join(folder, 'tripled')
    const logged = Logged.parse(await python('log_onnx.py', server.url, saved))
    const x = { name: 'x', datatype: 'FP32', shape: [3, 40], data: logged.rows }
    const [first, second] = logged.versions
    if (!first || !second) throw new Error('two versions were logged')
    const serve = async (source: string, ...more: readonly string[]) =>
      gyre(['serve', source, '--url', server.url, ...more])
    const answered = async (endpoint: string, expected: readonly number[]) => {
      const reply = await infer(server.url, endpoint, [x])
      expect(reply.outputs).toMatchObject([{ name: 'y', datatype: 'FP32', shape: [3, 30] }])
      expect(near(expected, reply.outputs[0] ?? never())).toBeLessThan(1e-4)
      return reply.model_version
    }

    const missing = await serve('models:/dense/9')
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('model:dense@9') })
    const unnamed = await serve('models:/dense@worst')
    expect(unnamed).toMatchObject({ code: 1, stderr: expect.stringContaining('dense@worst') })
    const empty = await serve(`runs:/${first.run}/nothing`)
    expect(empty).toMatchObject({ code: 1, stderr: expect.stringContaining('there are no files') })
    const malformed = await serve('models:/dense')
    expect(malformed).toMatchObject({ code: 2, stderr: expect.stringContaining('NAME@ALIAS') })

    expect(await serve('models:/dense@best')).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringContaining('model:dense@1 answers POST'),
    })
    expect(await answered('dense', first.answer)).toBe('1')
    expect(await serve('models:/dense/2', '--name', 'denser')).toMatchObject({ code: 0 })
    expect(await answered('denser', second.answer)).toBe('2')
    // MLflow 3 keeps the model beside the run that logged it.
    expect(await serve(`runs:/${second.run}/model`, '--name', 'of-run')).toMatchObject({ code: 0 })
    expect(await answered('of-run', second.answer)).toBe('1')
    expect(await serve(`models:/${first.model}`, '--name', 'of-model')).toMatchObject({ code: 0 })
    await answered('of-model', first.answer)
    expect(await serve(saved)).toMatchObject({ code: 0, stderr: '' })
    await answered('tripled', logged.folder)
  },
  20 * MINUTES,
)

function never(): never {
  throw new Error('there is no output')
}

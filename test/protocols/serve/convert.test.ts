import { expect, test } from 'vitest'
import { z } from 'zod'
import { ask, build, gyre, up } from '../../e2e/program.ts'
import { dataFolder, infer, MINUTES, python, type Reply, type SentTensor } from './serving.ts'

const Cells = z.array(z.union([z.number(), z.string()]))
const Logged = z.record(
  z.string(),
  z.object({
    rows: z.record(z.string(), Cells),
    answer: Cells,
    probabilities: z.array(z.number()).nullable(),
  }),
)
type Logged = z.infer<typeof Logged>[string]

/** Rows as one matrix. */
function matrix({ rows }: Logged): readonly SentTensor[] {
  const columns = Object.values(rows)
  const count = columns[0]?.length ?? 0
  const data = Array.from({ length: count }, (_, row) => columns.map((cells) => cells[row] ?? 0))
  return [{ name: 'features', datatype: 'FP32', shape: [count, columns.length], data: data.flat() }]
}

/** Rows as a tensor for each column. */
function byColumn({ rows }: Logged): readonly SentTensor[] {
  return Object.entries(rows).map(([name, data]) => ({
    name,
    datatype: typeof data[0] === 'string' ? 'BYTES' : 'FP32',
    shape: [data.length, 1],
    data,
  }))
}

const close = (value: unknown) => expect.closeTo(Number(value), 5)

/** What the model's own predict gives, beside what a graph tells more. */
function answersOf({ outputs }: Reply): Readonly<Record<string, unknown>> {
  const known = Object.fromEntries(outputs.map(({ name, data }) => [name, data]))
  return 'prediction' in known ? { prediction: known['prediction'] } : known
}

const Version = z.object({
  version: z.string(),
  metrics: z.record(z.string(), z.number().nullable()),
  tags: z.record(z.string(), z.string()),
  runId: z.string().nullable(),
})

async function version(url: string, name: string, number: number) {
  const reply = await ask(`${url}/api/v1/models/${name}/versions/${number}`)
  return Version.parse(JSON.parse(await reply.text()))
}

test(
  'models of sklearn, XGBoost and LightGBM are converted, and answer as mlflow.pyfunc does',
  async () => {
    await build()
    const server = await up(await dataFolder())
    const { url } = server
    const classifiers = ['logistic', 'levels', 'mixed', 'xgb-classifier', 'lgb-classifier']
    const numbers = ['xgb-regressor', 'xgb-booster', 'lgb-booster']
    const logged = Logged.parse(
      await python('log_models.py', url, ...classifiers, ...numbers, 'pickled-forest'),
    )

    const pickled = await gyre(['serve', 'models:/pickled-forest/1', '--url', url])
    expect(pickled).toMatchObject({ code: 2, stdout: '' })
    expect(pickled.stderr).toMatch(/^gyre: allowPickle: model\.pkl .* --allow-pickle .*\n$/)

    for (const name of [...classifiers, ...numbers]) {
      const model = logged[name]
      if (!model) throw new Error(`${name} was not logged`)
      const served = await gyre(['serve', `models:/${name}/1`, '--url', url])
      expect(served).toMatchObject({
        code: 0,
        stderr: '',
        stdout: expect.stringContaining(`model:${name}@2 answers POST`),
      })
      const reply = await infer(url, name, name === 'mixed' ? byColumn(model) : matrix(model))
      expect(answersOf(reply)).toEqual(
        numbers.includes(name)
          ? { prediction: model.answer.map(close) }
          : { label: model.answer, probabilities: model.probabilities?.map(close) },
      )
      const made = await version(url, name, 2)
      expect(made.metrics['onnx_parity']).toBeLessThan(1e-5)
      expect(made.tags).toMatchObject({
        'gyre.converted_from': `model:${name}@1`,
        'gyre.parity.rows': '268',
        'gyre.parity.rows_from': 'input_example',
      })
    }

    const again = await gyre(['serve', 'models:/logistic/1', '--url', url])
    expect(again.stdout).toContain('model:logistic@2 answers POST')
    const up1 = await ask(`${url}/api/v1/lineage?ref=model:logistic@2&direction=up`)
    expect(await up1.text()).toContain('model:logistic@1')
  },
  20 * MINUTES,
)

test(
  'a pickle is converted where the server allows it',
  async () => {
    await build()
    const server = await up(await dataFolder(), { args: ['--allow-pickle'] })
    const logged = Logged.parse(await python('log_models.py', server.url, 'pickled-forest'))
    const model = logged['pickled-forest']
    if (!model) throw new Error('not logged')
    const served = await gyre(['serve', 'models:/pickled-forest/1', '--url', server.url])
    expect(served).toMatchObject({ code: 0, stderr: '' })
    const reply = await infer(server.url, 'pickled-forest', matrix(model))
    expect(answersOf(reply)).toEqual({ prediction: model.answer.map(close) })
  },
  20 * MINUTES,
)

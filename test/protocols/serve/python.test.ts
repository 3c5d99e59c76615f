import { expect, test } from 'vitest'
import { z } from 'zod'
import { build, gyre, up } from '../../e2e/program.ts'
import { dataFolder, infer, MINUTES, python, type SentTensor } from './serving.ts'

const Answer = z.object({ text: z.array(z.string()), score: z.array(z.number()) })

const rows = (visits: readonly number[], plans: readonly string[]): readonly SentTensor[] => [
  { name: 'plan', datatype: 'BYTES', shape: [plans.length], data: plans },
  { name: 'visits', datatype: 'INT64', shape: [visits.length], data: visits },
]

test(
  'code that runs nowhere but where it is allowed answers as mlflow.pyfunc does, and survives its own end',
  async () => {
    await build()
    const careful = await up(await dataFolder())
    await python('log_pyfunc.py', careful.url)
    const refused = await gyre(['serve', 'models:/greeting/1', '--url', careful.url])
    expect(refused).toMatchObject({ code: 2, stdout: '' })
    expect(refused.stderr).toMatch(/^gyre: flavors: model:greeting@1 has python_function; .*\n$/)
    await careful.stop('SIGTERM')

    const server = await up(await dataFolder(), { args: ['--allow-pickle'] })
    const expected = Answer.parse(await python('log_pyfunc.py', server.url))
    const served = await gyre(['serve', 'models:/greeting/1', '--url', server.url])
    expect(served).toMatchObject({ code: 0, stderr: '' })
    expect(served.stdout).toContain('takes plan BYTES [-1], visits INT64 [-1]')
    const ask = async (visits: readonly number[], plans: readonly string[]) =>
      (await infer(server.url, 'greeting', rows(visits, plans))).outputs
    const all = () => ask([1, 2, 30], ['gold', 'free', 'gold'])
    const right = [
      { name: 'text', datatype: 'BYTES', shape: [3], data: expected.text },
      { name: 'score', datatype: 'FP64', shape: [3], data: expected.score },
    ]
    expect(await all()).toMatchObject(right)
    await expect(ask([-1], ['gold'])).rejects.toThrow(/500.*visits before the first/)
    expect(await all()).toMatchObject(right)
    // Ends its process, is tried once more, and ends that one too; a third takes its place.
    await expect(ask([666], ['gold'])).rejects.toThrow(/503.*died twice/)
    expect(await all()).toMatchObject(right)
  },
  20 * MINUTES,
)

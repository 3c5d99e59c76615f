import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { tempFolder } from '../../src/store/contract/temp-folder.ts'
import { build, gyre, up } from './program.ts'

beforeAll(build)

test('a refusal by a gate that the code has no more stands in no way: one that it has must pass', async () => {
  const folder = await tempFolder()
  const project = join(folder, 'churn')
  await gyre(['init', project, '--yes', '--thresholds', '0.99'])
  const server = await up(join(folder, 'data'))
  const command = (...args: readonly string[]) => gyre([...args, '--url', server.url])
  const isDone = async (...args: readonly string[]) =>
    expect(await command(...args)).toMatchObject({ code: 0, stderr: '' })
  const release = () => command('release', 'churn', 'churn@1')
  const ci = () => command('ci', project, '--only', 'model')

  await isDone('apply', project)
  await isDone('data', 'import', 'customers', '--project', project)
  // A refusal is no failure of the run, and a failure of the command only where one asks for that.
  const ran = await command('pipeline', 'run', 'train', '--json')
  expect(ran).toMatchObject({ code: 0, stderr: '' })
  const refused = [
    { gate: 'good-enough', reasons: [expect.stringMatching(/^auc: 0\.8\d+ is not/)] },
  ]
  expect(JSON.parse(ran.stdout)).toMatchObject({ status: 'succeeded', refused })
  const strict = await command('pipeline', 'run', 'train', '--json', '--fail-on-refusal')
  expect([strict.code, JSON.parse(strict.stdout)]).toMatchObject([
    1,
    { status: 'succeeded', refused },
  ])
  await isDone('model', 'approve', 'churn@1')
  expect(await release()).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /no passing verdict \(good-enough: auc: 0\.8\d+ is not ≥ 0\.99\)/,
    ),
  })

  const config = join(project, 'gyre.config.ts')
  const before = await readFile(config, 'utf8')
  const after = before
    .replace("'good-enough',", "'worth-it',")
    .replace('atLeast: 0.99', 'atLeast: 0.6')
  await writeFile(config, after)
  await isDone('apply', project)
  const lapsed =
    "good-enough refused it, which counts no more: the project's code has no such gate now"
  expect(await release()).toMatchObject({ code: 1, stderr: expect.stringContaining(lapsed) })
  expect((await ci()).stdout).toContain('no gate of this folder has judged it')

  // The same rows give the same files, which are the same version.
  await isDone('pipeline', 'run', 'train', '--fail-on-refusal')
  await isDone('model', 'approve', 'churn@1')
  await isDone('release', 'churn', 'churn@1')
  expect(await ci()).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('this folder has no gate good-enough'),
  })
})

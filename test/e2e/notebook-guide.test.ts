import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Run } from '@gyre/sdk/wire/run'
import { beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { tempFolder } from '../../src/store/contract/temp-folder.ts'
import { build, gyre, up } from './program.ts'
import { folderOf } from './user-folder.ts'

beforeAll(build)

const GUIDE = new URL('../../docs/guides/from-notebook-to-run.md', import.meta.url)

/** What the guide's reader has besides what it shows. */
const HAD = {
  'analysis.ipynb': JSON.stringify({
    nbformat: 4,
    nbformat_minor: 4,
    metadata: {},
    cells: [
      { cell_type: 'code', metadata: { tags: ['parameters'] }, source: 'lr = 1', outputs: [] },
      { cell_type: 'code', metadata: {}, source: 'lr * 10', outputs: [] },
    ],
  }),
  'project/python_env.yaml': 'dependencies: []\n',
  'project/fit.py': 'import sys; print(sys.argv[1:])\n',
  'requirements.lock': '',
}

/** Needs an input, a dirty tree or a killed run: `run.test.ts` and `run-resume.test.ts` have those. */
const ELSEWHERE = /--(input|diff|folder|resume)\b/

const blocksOf = (guide: string, language: string): readonly string[] =>
  [...guide.matchAll(new RegExp(`\`\`\`${language}\\n([^\`]+)\`\`\``, 'g'))].map(
    ([, text = '']) => text,
  )

test('the guide from a notebook to a run is true: its files, its commands', async () => {
  const guide = await readFile(GUIDE, 'utf8')
  const shown = [...blocksOf(guide, 'python'), ...blocksOf(guide, 'yaml')].flatMap((text) => {
    const path = /^# (\S+\.py|\S+\/MLproject)\n/.exec(text)?.[1]
    return path === undefined ? [] : [[path, text] as const]
  })
  expect(shown.map(([path]) => path)).toEqual(['train.py', 'test_quality.py', 'project/MLproject'])
  const commands = blocksOf(guide, 'sh')
    .flatMap((text) => text.split('\n'))
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line.startsWith('gyre ') && !ELSEWHERE.test(line))
  expect(commands).toHaveLength(5)

  const data = await tempFolder()
  const cwd = await folderOf({ ...HAD, ...Object.fromEntries(shown) })
  const server = await up(join(data, 'data'))
  const env = { GYRE_URL: server.url, HOME: cwd, XDG_CACHE_HOME: join(data, 'cache') }
  const list = async () => {
    const { stdout } = await gyre(['runs', 'ls', '--json'], { cwd, env })
    return z.array(Run).parse(JSON.parse(stdout))
  }
  for (const command of commands) {
    const [newest] = command.includes('RUN') ? await list() : []
    const words = command.replace('RUN', newest?.id ?? '').split(' ')
    const ended = await gyre(words.slice(1), { cwd, env })
    expect([command, ended.code, ended.code === 0 ? '' : ended.stderr]).toEqual([command, 0, ''])
  }
  const runs = await list()
  expect(runs.map(({ kind, name, status }) => [kind, name, status])).toEqual([
    ['script', 'train.py', 'succeeded'],
    ['script', 'train.py', 'succeeded'],
    ['project', 'tiny', 'succeeded'],
    ['notebook', 'analysis.ipynb', 'succeeded'],
    ['script', 'train.py', 'succeeded'],
  ])
  const [again, pinned, project, notebook, first] = runs
  expect(first?.metrics).toEqual({ loss: expect.any(Number), accuracy: 1 - 1 / 101 })
  expect([pinned?.metrics, again?.metrics]).toEqual([first?.metrics, first?.metrics])
  expect(notebook?.params).toEqual({ lr: '0.2' })
  expect(project?.params).toEqual({ alpha: '0.4' })
})

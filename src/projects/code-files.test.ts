import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { readCodeFiles } from './code-files.ts'

const hasGit = spawnSync('git', ['--version']).status === 0

const sha = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`

async function folderOf(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gyre-code-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  return folder
}

test('outside of git every source file counts: no data, nothing installed, nothing hidden or huge', async () => {
  const folder = await folderOf({
    'train.py': 'import helper',
    'lib/helper.py': 'x = 1',
    'rows.csv': '1',
    'out/metrics.json': '{}',
    '.hidden.py': '',
    '.cache/made.py': '',
    'env/pyvenv.cfg': '',
    'env/lib/installed.py': '',
    'node_modules/some/index.js': '',
    'generated.py': '#'.repeat(1024 ** 2 + 1),
  })
  const { digests, diff, sources } = await readCodeFiles(folder)
  expect(digests).toEqual({ 'lib/helper.py': sha('x = 1'), 'train.py': sha('import helper') })
  expect(diff).toHaveLength(0)
  expect(sources.toSorted()).toEqual(['lib/helper.py', 'train.py'])
})

test('of more files than a run names, the nearest are named', async () => {
  const many = Array.from({ length: 1_100 }, (_, i) => [`deep/down/m${i}.py`, ''] as const)
  const folder = await folderOf({ ...Object.fromEntries(many), 'train.py': '' })
  const { digests, sources } = await readCodeFiles(folder)
  expect(Object.keys(digests)).toHaveLength(1_000)
  expect(digests).toHaveProperty(['train.py'])
  expect(sources).toHaveLength(500)
})

test.skipIf(!hasGit)(
  'in git what differs from the commit is named by file, and can be applied to it',
  async () => {
    const folder = await folderOf({
      'churn/train.py': 'lr = 1\n',
      'churn/old.py': 'gone\n',
      'churn/same.py': '',
      'other/notes.py': '',
      '.gitignore': '*.log\n',
    })
    const git = (...args: string[]) =>
      execFileSync('git', ['-C', folder, '-c', 'user.name=a', '-c', 'user.email=a@b', ...args], {
        encoding: 'utf8',
      })
    git('init', '-q')
    git('add', '.')
    git('commit', '-q', '-m', 'first')
    const clean = await readCodeFiles(join(folder, 'churn'))
    expect(clean).toEqual({ digests: {}, diff: Buffer.of(), sources: [] })

    await writeFile(join(folder, 'churn/train.py'), 'lr = 2\n')
    await rm(join(folder, 'churn/old.py'))
    await writeFile(join(folder, 'other/notes.py'), 'elsewhere\n')
    const fresh = { 'new.py': 'y = 2\n', 'rows.bin': '\0', 'run.log': '', '.env.py': 'KEY = 1' }
    for (const [name, text] of Object.entries(fresh))
      await writeFile(join(folder, 'churn', name), text)
    // What is ignored and can be loaded is told by its digest, and kept nowhere: it may be a secret.
    const ignored = {
      'local.py': 'KEY = 2',
      'private/lib/deep.py': 'z = 3',
      'private/rows.csv': '1',
      'private/app.js': '',
      'private/.hidden/x.py': '',
      'env/pyvenv.cfg': '',
      'env/lib/installed.py': '',
    }
    await writeFile(join(folder, '.gitignore'), '*.log\nlocal.py\nprivate/\nenv/\n')
    for (const [path, text] of Object.entries(ignored)) {
      await mkdir(dirname(join(folder, 'churn', path)), { recursive: true })
      await writeFile(join(folder, 'churn', path), text)
    }
    const { digests, diff, sources } = await readCodeFiles(join(folder, 'churn'))
    expect(digests).toEqual({
      'local.py': sha('KEY = 2'),
      'private/lib/deep.py': sha('z = 3'),
      '.env.py': sha('KEY = 1'),
      'new.py': sha('y = 2\n'),
      'old.py': 'deleted',
      'rows.bin': sha('\0'),
      'train.py': sha('lr = 2\n'),
    })
    // What is hidden may be secret, and what is no source may be large.
    expect(sources).toEqual(['new.py'])
    git('checkout', '-q', '.gitignore')
    git('stash', '-q')
    execFileSync('git', ['-C', folder, 'apply'], { input: diff })
    expect(git('status', '--porcelain', '-uno')).toBe(' D churn/old.py\n M churn/train.py\n')
  },
)

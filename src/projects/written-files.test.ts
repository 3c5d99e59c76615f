import { execFileSync, spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { stampFiles, writtenSince } from './written-files.ts'

const hasGit = spawnSync('git', ['--version']).status === 0

async function write(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
}

async function folderOf(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gyre-written-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await write(folder, files)
  return folder
}

test('outside of git only source files are looked at', async () => {
  const folder = await folderOf({ 'train.py': '', 'old.py': '' })
  const before = await stampFiles(folder)
  expect(await writtenSince(folder, before)).toEqual({})
  await write(folder, { 'results.csv': '1', 'old.py': 'x = 1', 'new.py': '' })
  expect(await writtenSince(folder, before)).toEqual({ 'new.py': 'touched', 'old.py': 'touched' })
})

test.skipIf(!hasGit)(
  'a file that was there before, and any source file, is only touched',
  async () => {
    const folder = await folderOf({
      'train.py': '',
      'metrics.json': '{}',
      '.gitignore': 'cache/\n',
    })
    const git = (...args: string[]) =>
      execFileSync('git', ['-C', folder, '-c', 'user.name=a', '-c', 'user.email=a@b', ...args])
    git('init', '-q')
    git('add', '.')
    git('commit', '-q', '-m', 'first')
    await write(folder, { 'plot.png': 'of an earlier run', 'notes.txt': '', 'cache/local.py': '' })
    const before = await stampFiles(folder)
    await write(folder, {
      'metrics.json': '{"auc":1}',
      // The same bytes, written again.
      'plot.png': 'of an earlier run',
      'results.csv': '1',
      'made.py': '',
      'cache/local.py': 'x = 1',
      'cache/data.bin': '',
    })
    await rm(join(folder, 'train.py'))
    expect(await writtenSince(folder, before)).toEqual({
      'cache/local.py': 'touched',
      'made.py': 'touched',
      'metrics.json': 'touched',
      'plot.png': 'touched',
      'results.csv': 'made',
      'train.py': 'touched',
    })
  },
)

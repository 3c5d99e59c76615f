import { execFileSync, spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { openPython } from './python-environment.ts'

const hasPython = spawnSync('python3', ['-m', 'venv', '--help']).status === 0

let root: string
let folder: string
let lock: string

/** What a script in that environment prints. */
const printed = ([program = '', ...flags]: readonly string[], script: string): string =>
  execFileSync(program, [...flags, '-c', script], { encoding: 'utf8' }).trim()

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'gyre-venv-'))
  folder = join(root, 'python')
  lock = join(root, 'requirements.lock')
  await writeFile(lock, '# the standard library will do\n')
  onTestFinished(() => rm(root, { recursive: true }))
})

test('where there is no Python, the failure says what to install', async () => {
  await expect(openPython({ folder, interpreter: 'python-none' }, lock)).rejects.toMatchObject({
    code: 'STEP_FAILED',
    message:
      'there is no python-none here; install Python 3.9 or newer and put it on the PATH of gyre',
  })
  expect(await readdir(root)).toEqual(['requirements.lock'])
})

test('an interpreter that does not work is told with what it said', async () => {
  const broken = join(root, 'broken')
  await writeFile(broken, '#!/bin/sh\necho no shared library >&2\nexit 127\n', { mode: 0o755 })
  await expect(openPython({ folder, interpreter: broken }, undefined)).rejects.toMatchObject({
    code: 'STEP_FAILED',
    message: `${broken} cannot be started: no shared library`,
  })
})

describe.skipIf(!hasPython)('virtual environments (python3 with venv is needed)', () => {
  test('without requirements nothing is made, and only the standard library is there', async () => {
    const { command, facts } = await openPython({ folder }, undefined)
    expect(facts).toEqual({
      python: printed(command, 'import platform; print(platform.python_version())'),
    })
    const path = printed(command, 'import sys; print([p for p in sys.path if "packages" in p])')
    expect(path).toBe('[]')
    expect(await readdir(root)).toEqual(['requirements.lock'])
  })

  test('packages are installed once, under the digest of the lock, and named with their versions', async () => {
    const wheel = join(root, 'tiny-1.2-py3-none-any.whl')
    execFileSync('python3', [
      '-c',
      `import zipfile, sys
with zipfile.ZipFile(sys.argv[1], 'w') as z:
    z.writestr('tiny.py', 'ANSWER = 42')
    z.writestr('tiny-1.2.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: tiny\\nVersion: 1.2\\n')
    z.writestr('tiny-1.2.dist-info/WHEEL', 'Wheel-Version: 1.0\\nGenerator: a\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    z.writestr('tiny-1.2.dist-info/RECORD', '')`,
      wheel,
    ])
    await writeFile(lock, `tiny @ file://${wheel}\n`)
    const first = await openPython({ folder }, lock)
    expect(first.facts).toMatchObject({ tiny: '1.2', python: expect.stringMatching(/^3\./) })
    expect(printed(first.command, 'import tiny; print(tiny.ANSWER)')).toBe('42')
    // What is there is not made again: the wheel is gone.
    await rm(wheel)
    expect(await openPython({ folder }, lock)).toEqual(first)
    await writeFile(lock, `tiny @ file://${wheel} # moved\n`)
    await expect(openPython({ folder }, lock)).rejects.toMatchObject({
      code: 'STEP_FAILED',
      message: expect.stringContaining('tiny-1.2'),
    })
    expect(await readdir(folder)).toHaveLength(1)
  })

  test('two makers at a time make one, and what a dead maker left is removed', async () => {
    const dead = spawnSync('true').pid
    await mkdir(join(folder, `.${dead}-half`, 'bin'), { recursive: true })
    const mine = join(folder, `.${process.ppid}-half`)
    await mkdir(mine)
    const [a, b] = await Promise.all([
      openPython({ folder }, lock),
      openPython({ folder: folder }, lock),
    ])
    expect(a.command).toEqual(b.command)
    const left = await readdir(folder)
    expect(left.toSorted()).toEqual([
      `.${process.ppid}-half`,
      expect.stringMatching(/^[0-9a-f]{64}-3\./),
    ])
    expect(printed(a.command, 'print(6 * 7)')).toBe('42')
  })

  test('a Python without venv says which module is missing', async () => {
    const poor = join(root, 'poor')
    const script =
      '#!/bin/sh\ncase "$*" in *venv*) echo No module named venv >&2; exit 1;; esac\nexec python3 "$@"\n'
    await writeFile(poor, script, { mode: 0o755 })
    await expect(openPython({ folder, interpreter: poor }, lock)).rejects.toMatchObject({
      code: 'STEP_FAILED',
      message: expect.stringMatching(/install its venv module.*\nNo module named venv/),
    })
    expect(await readdir(folder)).toEqual([])
  })
})

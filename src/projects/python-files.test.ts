import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { withPythonDigests } from './python-files.ts'

let root: string

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'gyre-py-')))
  await mkdir(join(root, 'py/lib'), { recursive: true })
  await writeFile(join(root, 'py/fit.py'), 'import lib.scale')
  await writeFile(join(root, 'py/lib/scale.py'), 'SCALE = 1')
  onTestFinished(() => rm(root, { recursive: true }))
})

const STEP = { kind: 'python', name: 'fit', script: 'py/fit.py' }

const draftOf = (step: object) => ({ name: 'shop', pipelines: [{ name: 'train', steps: [step] }] })

async function digested(step: object = STEP) {
  const manifest = await withPythonDigests(root, draftOf(step))
  const Shape = z.object({
    pipelines: z.tuple([z.object({ steps: z.tuple([z.looseObject({ digest: z.string() })]) })]),
  })
  return Shape.parse(manifest).pipelines[0].steps[0]
}

test('the digest is that of the script and the modules of its folder, and of nothing else', async () => {
  const { digest } = await digested()
  expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/)
  await mkdir(join(root, 'py/.venv/lib'), { recursive: true })
  await mkdir(join(root, 'py/environment'), { recursive: true })
  await mkdir(join(root, 'py/__pycache__'), { recursive: true })
  for (const path of [
    'py/.venv/lib/a.py',
    'py/environment/a.py',
    'py/__pycache__/a.py',
    'other.py',
  ])
    await writeFile(join(root, path), 'a')
  await writeFile(join(root, 'py/environment/pyvenv.cfg'), '')
  await writeFile(join(root, 'py/notes.txt'), 'a')
  expect((await digested()).digest).toBe(digest)
  await writeFile(join(root, 'py/lib/scale.py'), 'SCALE = 2')
  const edited = (await digested()).digest
  await writeFile(join(root, 'py/new.py'), '')
  expect(new Set([digest, edited, (await digested()).digest]).size).toBe(3)
})

test('a module that is a link to outside of the project does not count', async () => {
  const { digest } = await digested()
  await symlink('/etc/hostname', join(root, 'py/host.py'))
  expect((await digested()).digest).toBe(digest)
})

test.each([
  ['py/none.py', 'no file py/none.py in the project'],
  ['py/fit.py/more.py', 'no file py/fit.py/more.py in the project'],
  ['py/lib', 'py/lib: expected a file, got a folder'],
  [
    '../../../../../../../../etc/hostname',
    '../../../../../../../../etc/hostname is outside of the project',
  ],
])('the script %s is refused', async (script, message) => {
  await expect(withPythonDigests(root, draftOf({ ...STEP, script }))).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: `pipeline train.step fit.script: ${message}`,
    details: { field: 'pipeline train.step fit.script' },
  })
})

test('a lock of pinned packages has a digest of its own', async () => {
  const lines = [
    '# made by pip freeze',
    '--index-url https://packages.example/simple',
    'numpy==2.1.0 \\',
    '    --hash=sha256:00',
    "pandas==2.2.3 ; python_version > '3.9'",
    'tiny @ file:///wheels/tiny-1.2-py3-none-any.whl',
    '',
  ]
  await writeFile(join(root, 'requirements.lock'), lines.join('\n'))
  const step = await digested({ ...STEP, requirements: 'requirements.lock' })
  expect(step['requirements']).toEqual({
    path: 'requirements.lock',
    digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
  })
})

test.each(['numpy', 'numpy>=2', 'numpy~=2.0', 'git+https://example.org/x'])(
  'a package that is not pinned is refused by its line: %s',
  async (line) => {
    await writeFile(join(root, 'requirements.lock'), `a==1\n${line}\n`)
    await expect(digested({ ...STEP, requirements: 'requirements.lock' })).rejects.toMatchObject({
      message: `pipeline train.step fit.requirements: requirements.lock line 2: expected NAME==VERSION, got ${line}`,
    })
  },
)

test.each(['lightgbm', 'sklearn'])(
  'the script and the packages of %s are those of Gyre',
  async (library) => {
    const folder = `@gyre/trainers/${library}`
    const step = {
      ...STEP,
      script: `${folder}/train.py`,
      requirements: `${folder}/requirements.lock`,
    }
    const { digest, requirements } = await digested(step)
    expect(requirements).toEqual({
      path: `${folder}/requirements.lock`,
      digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    })
    // Not of the project, whatever lies there.
    await mkdir(join(root, folder), { recursive: true })
    await writeFile(join(root, folder, 'train.py'), 'import os')
    expect((await digested(step)).digest).toBe(digest)
  },
)

test('no path leads out of what Gyre brings along', async () => {
  const script = '@gyre/trainers/../gyre/notebook.py'
  await expect(withPythonDigests(root, draftOf({ ...STEP, script }))).rejects.toMatchObject({
    message: `pipeline train.step fit.script: ${script} is outside of the project`,
  })
})

import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { build, gyre } from './program.ts'
import { newRepository, type TempRepository } from './repository.ts'

beforeAll(build)

/** A pushed repository whose workflow is `text`. */
async function withWorkflow(text: string): Promise<TempRepository> {
  const repository = await newRepository()
  await mkdir(join(repository.root, '.github', 'workflows'), { recursive: true })
  await writeFile(join(repository.root, '.github', 'workflows', 'gyre.yml'), text)
  await repository.commit()
  await repository.git('push', '--set-upstream', 'origin', 'main')
  return repository
}

const SHOWN = `
name: shown
on:
  push:
    paths: ['src/**', '!src/notes/**']
jobs:
  first:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: mkdir -p out && cp src/value.txt out/ && echo "$GITHUB_REF" > out/ref.txt
      - uses: actions/upload-artifact@v4
        with: { name: made, path: out/ }
  bad:
    needs: first
    runs-on: ubuntu-latest
    steps:
      - run: test "\${{ vars.MOOD }}" = good
      - if: failure()
        run: echo "it was not" > "$MARK"
        env: { MARK: '\${{ vars.MARK }}' }
  after:
    needs: [bad]
    runs-on: ubuntu-latest
    steps: [{ run: 'exit 3' }]
  deploy:
    needs: first
    if: github.ref == 'refs/heads/main'
    runs-on: [self-hosted, gpu]
    steps:
      - uses: actions/download-artifact@v4
        with: { name: made, path: got }
      - run: test "$(cat got/value.txt)" = committed && test "$(cat got/ref.txt)" = "$GITHUB_REF"
      - run: test ! -e src
`

async function pushedThenChanged(path: string): Promise<TempRepository> {
  const repository = await withWorkflow(SHOWN)
  await mkdir(join(repository.root, 'src', 'notes'), { recursive: true })
  await writeFile(join(repository.root, path), 'committed')
  await repository.commit()
  return repository
}

test('jobs run after those they need; a failure is told, and what needs it is skipped', async () => {
  const { root, folder } = await pushedThenChanged('src/value.txt')
  const mark = join(folder, 'mark.txt')
  // What is not committed is not pushed.
  await writeFile(join(root, 'src', 'value.txt'), 'on the disk')
  const vars = ['--var', 'MOOD=bad', `MARK=${mark}`]
  const ran = await gyre(['ci', 'run', root, '--json', ...vars])
  expect({ code: ran.code, told: ran.stderr }).toMatchObject({ code: 1 })
  expect(JSON.parse(ran.stdout)).toEqual({
    started: true,
    jobs: [
      { job: 'first', result: 'succeeded', reason: '' },
      { job: 'bad', result: 'failed', reason: 'test "${{ vars.MOOD }}" = good: ended with 1' },
      { job: 'after', result: 'skipped', reason: 'needs bad' },
      { job: 'deploy', result: 'succeeded', reason: '' },
    ],
  })
  expect(await readFile(mark, 'utf8')).toBe('it was not\n')
  expect(await gyre(['ci', 'run', root, '--var', 'MOOD=good'])).toMatchObject({ code: 1 })
})

test('on another branch nothing is deployed, whatever else is run', async () => {
  const { root, git } = await pushedThenChanged('src/value.txt')
  await git('checkout', '--quiet', '-b', 'try')
  const ran = await gyre(['ci', 'run', root, '--var', 'MOOD=good', '--since', 'main~1'])
  expect(ran.stdout).toMatch(/deploy +skipped +not so: github\.ref == 'refs\/heads\/main'/)
  expect(ran.stdout).toMatch(/bad +succeeded/)
})

test('a change of nothing that is watched starts nothing', async () => {
  const { root } = await pushedThenChanged('src/notes/a.txt')
  const ran = await gyre(['ci', 'run', root])
  expect(ran).toMatchObject({ code: 0 })
  expect(ran.stdout).toContain('nothing is run: none of 1 changed paths is one that it watches')
})

test.each([
  ['jobs: [', 'gyre.yml: '],
  [
    'on: { push: null }\njobs: { a: { runs-on: x, strategy: {}, steps: [{ run: ls }] } }',
    'jobs.a: ',
  ],
  [
    'on: { push: null }\njobs: { a: { runs-on: x, needs: b, steps: [{ run: ls }] } }',
    'jobs.a.needs: there is no job b',
  ],
  [
    'on: { push: null }\njobs: { a: { runs-on: x, needs: a, steps: [{ run: ls }] } }',
    'needs itself (a → a)',
  ],
  [
    'on: { push: null }\njobs: { a: { runs-on: x, steps: [{ uses: some/action@v1 }] } }',
    'some/action: an action that cannot be run here',
  ],
  [
    'on: { push: null }\njobs: { a: { runs-on: x, steps: [{ run: "echo A=1 >> $GITHUB_ENV" }] } }',
    'a step wrote to GITHUB_ENV',
  ],
])('%j is refused', async (text, reason) => {
  const { root } = await withWorkflow(text)
  const ran = await gyre(['ci', 'run', root, '--since', 'HEAD'])
  expect(ran).toMatchObject({ code: 2, stdout: '' })
  expect(ran.stderr).toContain(reason)
})

import { execFileSync, spawnSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { tempFolder } from '../../src/store/contract/temp-folder.ts'
import { build, gyre, up } from './program.ts'

beforeAll(build)

const Listed = z.array(
  z.object({
    id: z.string(),
    code: z.record(z.string(), z.unknown()),
    environment: z.record(z.string(), z.string()),
    seed: z.number().nullable(),
  }),
)

const hasGit = spawnSync('git', ['--version']).status === 0

test.skipIf(!hasGit)(
  'a run of a new project is executed again bit by bit; another time zone is told',
  async () => {
    const folder = await tempFolder()
    const [project, data] = [join(folder, 'churn'), join(folder, 'data')]
    await gyre(['init', project, '--yes'])
    await writeFile(join(project, 'package-lock.json'), '{}')
    const git = (...args: string[]) =>
      execFileSync('git', ['-C', project, '-c', 'user.name=a', '-c', 'user.email=a@b', ...args], {
        encoding: 'utf8',
      }).trim()
    git('init', '-q')
    git('add', '.')
    git('commit', '-q', '-m', 'first')
    const server = await up(data)
    const inProject = { cwd: project, env: { GYRE_URL: server.url } }
    const done = async (...args: string[]) => {
      const ended = await gyre(args, inProject)
      expect([args, ended.stderr, ended.code]).toEqual([args, '', 0])
      return ended.stdout
    }
    await done('apply')
    await done('data', 'import', 'customers')
    await done('pipeline', 'run', 'train')

    const [run] = Listed.parse(JSON.parse(await done('runs', 'ls', '--kind', 'pipeline', '--json')))
    if (!run) throw new Error('no run')
    expect(run).toMatchObject({
      seed: 7,
      code: {
        ref: 'code:churn@1',
        gitCommit: git('rev-parse', 'HEAD'),
        dirty: false,
        // sha256sum of {}
        lockfileDigest: 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
      },
      environment: { node: process.version, platform: `${process.platform} ${process.arch}` },
    })

    // Newer rows and newer code change nothing about what a repetition is made from.
    const csv = join(project, 'data/customers.csv')
    await writeFile(csv, (await readFile(csv, 'utf8')).split('\n').slice(0, 2000).join('\n'))
    await done('data', 'import', 'customers')
    const fit = join(project, 'steps/fit.ts')
    await writeFile(fit, `${await readFile(fit, 'utf8')}\nexport const changed = 1\n`)
    await done('apply')
    expect(JSON.parse(await done('reproduce', run.id, '--json'))).toEqual({
      inputs: [],
      code: [],
      environment: [],
      metrics: [],
    })
    expect(await done('reproduce', run.id)).toMatch(
      new RegExp(`^run_\\w+ is equal to ${run.id}\n$`),
    )
    expect(await done('model', 'ls')).not.toContain('churn@2')

    // Of code that no commit has the version keeps what differed, for each of its runs.
    const clean = await gyre(['runs', 'show', '--diff', run.id], inProject)
    expect([clean.code, clean.stdout, clean.stderr]).toEqual([
      1,
      '',
      expect.stringContaining('its code did not differ from its commit'),
    ])
    await writeFile(join(project, 'steps/extra.ts'), 'export const extra = 1\n')
    await writeFile(fit, `${await readFile(fit, 'utf8')}\nexport const more = 1\n`)
    await done('apply')
    const differed = execFileSync('git', [
      '-C',
      project,
      'diff',
      'HEAD',
      '--binary',
      '--full-index',
    ])
    await done('pipeline', 'run', 'train')
    const [dirty] = Listed.parse(
      JSON.parse(await done('runs', 'ls', '--kind', 'pipeline', '--json')),
    )
    expect(dirty?.code).toMatchObject({ ref: 'code:churn@3', dirty: true })
    expect(await done('runs', 'show', '--diff', dirty?.id ?? '')).toBe(differed.toString('utf8'))
    const [stepRun] = Listed.parse(JSON.parse(await done('runs', 'ls', '--json', '--limit', '1')))
    expect(await done('runs', 'show', '--diff', stepRun?.id ?? '')).toBe(differed.toString('utf8'))
    const at = `${server.url}/api/v1/project/code/churn/versions/3`
    const { uncommitted } = z
      .object({ uncommitted: z.string() })
      .parse(await (await fetch(at)).json())
    const tree = await (await fetch(`${server.url}/api/v1/blobs/${uncommitted}`)).json()
    expect(tree).toMatchObject({
      entries: [{ path: 'files/steps/extra.ts' }, { path: 'uncommitted.diff' }],
    })

    await server.stop('SIGTERM')
    const moved = await up(data, { env: { TZ: 'Asia/Tokyo' } })
    const elsewhere = { cwd: project, env: { GYRE_URL: moved.url } }
    const told = await gyre(['reproduce', run.id, '--json'], elsewhere)
    expect(told).toMatchObject({ code: 1, stderr: '' })
    const zone = { what: 'TZ', before: null, now: 'Asia/Tokyo' }
    expect(JSON.parse(told.stdout)).toEqual({
      inputs: [],
      code: [],
      environment: ['rows', 'fit', 'baseline', 'good-enough'].map((step) => ({ step, ...zone })),
      metrics: [],
    })
    expect(await gyre(['reproduce', 'run_none'], elsewhere)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^gyre: no such run: run_none/),
    })
  },
)

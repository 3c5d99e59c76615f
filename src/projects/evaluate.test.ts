import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bundleProject } from './bundle.ts'
import { evaluateBundle, type EvaluateOptions } from './evaluate.ts'

const CONFIG = `
  import { csv, dataset, endpoint, featureView, field, gate, int, last, monitor, pipeline, register, step, text, timestamp, trainingSet, transform } from '@gyre/sdk'
  export const visits = dataset('visits', {
    source: csv('./visits.csv'),
    columns: { at: timestamp(), page: text(), clicks: int(), bought: int() },
    at: 'at', label: { column: 'bought', knownAt: 'at' },
  })
  export const pages = featureView('pages', { from: visits, entity: 'page', eventTime: 'at', every: '1h', ttl: '0', features: { clicks: last('clicks') } })
  export const double = transform('double', { of: visits, from: ['clicks'], gives: ['twice'] }, async () => (await import('./steps.ts')).double)
  export const shop = endpoint('shop', { model: 'shop', subject: 'visit', input: { page: text(), clicks: int() } })
  export const train = pipeline('train', {}, () => {
    const rows = trainingSet('rows', { from: visits, until: '2026-01-01T00:00:00Z', window: '7d', holdout: '1d', inputs: [field('clicks'), pages.clicks, double.twice] })
    const model = step('fit', async () => (await import('./steps.ts')).fit)({ rows: rows.train })
    register('shop', { model, verdict: gate('g', { candidate: model, rows: rows.newest }, { auc: { atLeast: 0.5 } }) })
  })
  export const weekly = monitor('weekly', { endpoint: shop, every: '7d', from: '2026-01-01T00:00:00Z', lag: '0' })`

const STEPS = `
  throw new Error('steps must not run while a project is evaluated')
  export const double = ({ clicks }: { clicks: number }) => ({ twice: 2 * clicks })
  export const fit = async () => ({ digest: 'sha256:0', rows: 1 })`

let root: string

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'gyre-'))
})
afterAll(() => rm(root, { recursive: true }))

async function evaluate(name: string, config: string, options?: EvaluateOptions) {
  const files = {
    'package.json': '{ "name": "shop" }',
    'gyre.config.ts': config,
    'steps.ts': STEPS,
  }
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, name, path)), { recursive: true })
    await writeFile(join(root, name, path), text)
  }
  return evaluateBundle(await bundleProject(join(root, name)), options)
}

const refusals: [title: string, config: string, field: string, message: string][] = [
  [
    'a view not exported',
    CONFIG.replace('export const pages', 'const pages'),
    'pipelines.train.steps.rows.spec.inputs.pages__clicks',
    'view pages is used by pipeline train but not exported from gyre.config.ts',
  ],
  [
    'a transform not exported',
    CONFIG.replace('export const double', 'const double'),
    'pipelines.train.steps.rows.spec.inputs.twice',
    'transform double is used by pipeline train but not exported',
  ],
  [
    'an endpoint not exported',
    CONFIG.replace('export const shop', 'const shop'),
    'monitors.weekly.endpoint',
    'endpoint shop is used by monitor weekly but not exported',
  ],
  [
    'a name used twice',
    `${CONFIG}\nexport const other = monitor('weekly', { endpoint: shop, every: '1d', from: '2026-01-01T00:00:00Z', lag: '0' })`,
    'monitor weekly',
    'is defined twice, exported as other and as weekly',
  ],
  [
    'a function that is not in its module',
    CONFIG.replace(')).fit)', ')).fitt)'),
    'pipeline train.step fit',
    "expected one of the module's exports double, fit, got fitt",
  ],
  [
    'a function that is not loaded',
    CONFIG.replace("async () => (await import('./steps.ts')).fit", 'async () => async () => 1'),
    'pipeline train.step fit',
    "expected a loader like async () => (await import('./steps/fit.ts')).fit",
  ],
  [
    'a field that no request brings',
    CONFIG.replace('input: { page: text(), clicks', 'input: { clicks'),
    'endpoints.shop.input.page',
    'expected this field, which input pages__clicks is made of',
  ],
  [
    'a field of another type',
    CONFIG.replace('page: text(), clicks: int() } })', 'page: text(), clicks: text() } })'),
    'endpoints.shop.input.clicks',
    'expected int, which the model learned from, got text',
  ],
  [
    'a definition that is refused',
    CONFIG.replace("every: '1h'", "every: 'often'"),
    'feature view pages.every',
    'expected a duration like 30m, 2h or 7d, got "often"',
  ],
  [
    'a config that throws',
    `${CONFIG}\nthrow new TypeError('no such luck')`,
    '',
    'gyre.config.ts: TypeError: no such luck',
  ],
]

test.each(refusals)(
  '%s is refused by name',
  async (title, config, field, message) => {
    await expect(evaluate(title, config)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field },
      message: expect.stringContaining(message),
    })
  },
  30_000,
)

test('what a module of the project throws is told by its own file, line and column', async () => {
  const folder = join(root, 'throws')
  const files = {
    'gyre.config.ts':
      "import { dataset } from '@gyre/sdk'\nimport { columns } from './lib/columns.ts'\nexport const d = dataset('d', columns(undefined))\nexport const load = async () => (await import('./lib/step.ts')).step",
    'lib/columns.ts':
      'interface Options { readonly columns: never }\n\nexport function columns(options: Options | undefined): never {\n  return options!.columns\n}\n',
    'lib/step.ts':
      "import { columns } from './columns.ts'\nexport const step = () => columns(undefined)\n",
  }
  await mkdir(join(folder, 'lib'), { recursive: true })
  for (const [path, text] of Object.entries(files)) await writeFile(join(folder, path), text)
  await expect(evaluateBundle(await bundleProject(folder))).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringMatching(
      /^lib\/columns\.ts:4:1[0-9]: TypeError: Cannot read properties of undefined/,
    ),
  })
}, 30_000)

test('a config that ends its process is told with what it printed', async () => {
  const config = "console.error('out of cheese'); process.exit(3)"
  await expect(evaluate('exits', config)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: 'gyre.config.ts ended its process (3)',
    details: { printed: expect.stringContaining('out of cheese') },
  })
}, 30_000)

test('a config that never ends is ended', async () => {
  const forever = 'await new Promise(() => setInterval(() => {}, 1000))'
  await expect(evaluate('waits', forever, { timeoutMs: 3000 })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: 'gyre.config.ts did not end within 3 s; a config only defines, steps do the work',
  })
}, 30_000)

test('a config sees no secrets of the one who applies it', async () => {
  const config = `
    import { project } from '@gyre/sdk'
    const seen = Object.keys(process.env).filter((name) => /^(GYRE_|VITEST|npm_)/.test(name)).join(' ')
    export const card = project('p', { task: 'seen:' + seen, metric: 'm', baseline: 'b', owner: 'o', thresholds: { auc: { atLeast: 0 } } })`
  expect((await evaluate('environment', config)).card?.task).toBe('seen:')
}, 30_000)

test.each([
  ['no package.json at all', undefined],
  ['a package without a name', '{}'],
  ['a name that is none here', '{ "name": "2nd.shop" }'],
])(
  'a project without a card, and with %s, is told how to name itself',
  async (title, json) => {
    const folder = join(root, title.replaceAll(' ', '-'))
    await mkdir(folder)
    await writeFile(join(folder, 'gyre.config.ts'), 'export const nothing = 0')
    if (json !== undefined) await writeFile(join(folder, 'package.json'), json)
    const message =
      "gyre.config.ts: project: it has no name; export project('NAME', { … }) from the config, or name the package"
    await expect(evaluateBundle(await bundleProject(folder))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining(message),
    })
  },
  30_000,
)

test('a project without a card is called like its package; presets are filled in', async () => {
  const manifest = await evaluate('plain', CONFIG)
  expect(manifest).toMatchObject({ protocol: 1, name: 'shop', card: null })
  expect(manifest.monitors[0]).toMatchObject({ minRows: 500, quarantineShare: 0.05 })
  expect(manifest.transforms[0]).toMatchObject({ export: 'double', gives: ['twice'] })
}, 30_000)

test('the flights example is read as it is written', async () => {
  const bundle = await bundleProject('examples/flights')
  const manifest = await evaluateBundle(bundle)
  expect(manifest.name).toBe('flights')
  expect(manifest.datasets[0]).toMatchObject({
    columns: { origin: { type: 'text', pattern: '^[A-Z]{3}$' }, delay: { mostly: 0.999 } },
    subject: 'flight',
    label: { column: 'late', knownAt: 'landed' },
  })
  expect(manifest.views.map(({ name, entity, ttl }) => [name, entity, ttl])).toEqual([
    ['at_destination', ['destination'], '6h'],
    ['at_origin', ['origin'], '6h'],
    ['network', [], '6h'],
    ['pair', ['origin', 'destination'], '0'],
  ])
  const train = manifest.pipelines.find(({ name }) => name === 'train')
  expect(train?.params).toEqual({
    until: { type: 'day' },
    window: { type: 'duration', default: '56d' },
    seed: { type: 'int', default: 7 },
  })
  expect(train?.steps.map(({ name, kind }) => [name, kind])).toEqual([
    ['rows', 'training-set'],
    ['fit', 'module'],
    ['baseline', 'module'],
    ['worth-shipping', 'gate'],
    ['register-flight-delay', 'register'],
  ])
  expect(train?.steps[0]).toMatchObject({
    spec: {
      every: 20,
      historyBefore: '2001-02-01T00:00:00Z',
      served: 'flight-delay',
      inputs: [
        { name: 'hour', kind: 'transform' },
        { name: 'weekday', kind: 'transform' },
        { name: 'distance', kind: 'field' },
        { name: 'origin_rate', kind: 'rate', field: 'origin' },
        { name: 'destination_rate', kind: 'rate', field: 'destination' },
        { name: 'at_origin__lateRate', kind: 'feature' },
        { name: 'at_destination__lateRate', kind: 'feature' },
        { name: 'network__lateRate', kind: 'feature' },
      ],
    },
  })
  expect(Object.keys(manifest.endpoints[0]?.input ?? {}).toSorted()).toEqual([
    'date',
    'destination',
    'distance',
    'origin',
  ])
  expect(manifest.endpoints[0]?.input['distance']?.matches).toEqual({
    view: 'pair',
    feature: 'distance',
    within: 0.02,
  })
  expect(manifest.monitors[0]).toMatchObject({ every: '7d', from: '2001-02-01T00:00:00Z' })
  expect(manifest.triggers[0]).toMatchObject({
    pipeline: 'train',
    untilParam: 'until',
    release: { kind: 'canary', weightBp: 1000, ceiling: 0.01 },
  })
  const chunks = train?.steps.flatMap((step) => (step.kind === 'module' ? [step.chunk] : []))
  expect(chunks?.map((chunk) => bundle.files.has(chunk))).toEqual([true, true])
}, 30_000)

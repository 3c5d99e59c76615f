import { expect, test } from 'vitest'
import { last, mean } from './aggregate.ts'
import { boolean, int, number, text, timestamp } from './column.ts'
import { dataset } from './dataset.ts'
import { DefinitionError } from './definition-error.ts'
import { endpoint } from './endpoint.ts'
import { featureView } from './feature-view.ts'
import { gate, type Slices, type Thresholds } from './gate.ts'
import { field, rate } from './model-input.ts'
import { monitor } from './monitor.ts'
import { day, duration, list } from './param.ts'
import { daily, hourly, monthly, oneOf, weekly as byWeek } from './partition.ts'
import { pipeline } from './pipeline.ts'
import { project, type ProjectOptions } from './project.ts'
import { python, type PythonProgram } from './python.ts'
import { canary, immediate } from './release-plan.ts'
import type { ResourceOptions } from './resources.ts'
import { csv } from './source.ts'
import { step } from './step.ts'
import { lightgbm, sklearn } from './trainer.ts'
import { trainingSet } from './training-set.ts'
import { transform } from './transform.ts'
import { onQuality, onSchedule, trigger } from './trigger.ts'

const columns = { at: timestamp(), clicks: int(), page: text(), bought: boolean() }
const source = csv('./visits.csv')
const visits = dataset('visits', {
  source,
  columns,
  at: 'at',
  label: { column: 'bought', knownAt: 'at' },
})
const bare = dataset('bare', { source, columns })
const shop = endpoint('shop', { model: 'shop', subject: 'visit', input: { clicks: int() } })
const weekly = { endpoint: shop, every: '7d', from: '2026-01-01T00:00:00Z', lag: '0' } as const
const view = { from: visits, eventTime: 'at', every: '1h', ttl: '0' } as const
const noop = async () => async () => null
const inPipeline = (build: () => unknown) => () => pipeline('train', { until: day() }, build)
const rows = { from: visits, until: '2026-01-01T00:00:00Z', window: '7d', holdout: '1d' } as const
const card = { task: 't', metric: 'auc', baseline: 'b', owner: 'o', thresholds: {} }
const digest = `sha256:${'0'.repeat(64)}` as const
const span = { from: '2026-01-01T00:00:00Z', until: '2026-02-01T00:00:00Z' }
const newest = { digest, rows: 0, ...span, label: 'bought', at: 'at', subject: 'visit', inputs: [] }
const approvedBy = (approvals: NonNullable<ProjectOptions['approvals']>) =>
  project('p', { ...card, thresholds: { auc: { atLeast: 0.6 } }, approvals })
const gated = (thresholds: Thresholds, slices: Slices = ['origin', 'page']) =>
  inPipeline(() => {
    gate('g', { candidate: { digest, rows: 1 }, rows: newest }, thresholds, { slices })
  })
const found = (subjectFrom: { header: string } | { field: string }) =>
  endpoint('e', { model: 'm', subject: 's', subjectFrom, input: { x: int() } })
const train = pipeline('train', { until: day(), depth: int() }, ({ depth }) => {
  step('noop', async () => async (_ctx, _inputs: { depth: number }) => null)({ depth })
})
const retrain = { on: shop, run: train, until: 'until', cooldown: '1d' } as const

// @ts-expect-error it is an option of LightGBM
const leafy = (): PythonProgram => sklearn('logistic-regression', { num_leaves: 7 })
const ofNumber = async () => async (_ctx: unknown, _inputs: { n: number }) => null

const taking = (resources: ResourceOptions) =>
  inPipeline(() => step('fit', noop, { resources })({}))
/** As from a project in JavaScript. */
const sizeOf = (memory: string): ResourceOptions => JSON.parse(JSON.stringify({ memory }))
const resources = 'pipeline train.step fit.resources'

const refusals: [title: string, define: () => unknown, field: string, problem: string][] = [
  ['resources that name none', taking({}), resources, 'expected cpu, memory or gpu'],
  [
    'no core',
    taking({ cpu: 0 }),
    `${resources}.cpu`,
    'expected cores above 0 and up to 1024, got 0',
  ],
  [
    'more cores than any machine has',
    taking({ cpu: 1025 }),
    `${resources}.cpu`,
    'expected cores above 0 and up to 1024, got 1025',
  ],
  [
    'cores that are no number',
    taking({ cpu: Number.NaN }),
    `${resources}.cpu`,
    'expected cores above 0 and up to 1024, got NaN',
  ],
  ['half a device', taking({ gpu: 0.5 }), `${resources}.gpu`, 'expected 1 to 64 devices, got 0.5'],
  [
    'memory in powers of ten',
    taking(sizeOf('512 MB')),
    `${resources}.memory`,
    "expected bytes, or a text like '512 MiB' or '2Gi', got \"512 MB\"",
  ],
  [
    'no memory',
    taking({ memory: '0 MiB' }),
    `${resources}.memory`,
    "expected bytes, or a text like '512 MiB' or '2Gi', got \"0 MiB\"",
  ],
  [
    'part of a byte',
    taking({ memory: 0.5 }),
    `${resources}.memory`,
    "expected bytes, or a text like '512 MiB' or '2Gi', got 0.5",
  ],
  [
    'a tree of one leaf',
    inPipeline(() => step('fit', lightgbm({ num_leaves: 1 }))({ rows: newest })),
    'pipeline train.step fit.num_leaves',
    'expected at least 2',
  ],
  [
    'an option that a trainer does not have',
    inPipeline(() => step('fit', leafy())({ rows: newest })),
    'pipeline train.step fit',
    'expected no member num_leaves',
  ],
  [
    'a share of rows in words',
    // @ts-expect-error a number is expected
    inPipeline(() => step('fit', lightgbm({ bagging_fraction: 'half' }))({ rows: newest })),
    'pipeline train.step fit.bagging_fraction',
    'expected a number, got "half"',
  ],
  [
    'an estimator that is not there',
    // @ts-expect-error one of those that are there is expected
    inPipeline(() => step('fit', sklearn('svm'))({ rows: newest })),
    'pipeline train.step fit.algorithm',
    'expected one of lightgbm, hist-gradient-boosting, logistic-regression',
  ],
  [
    'no threads at all for a trainer',
    inPipeline(() => step('fit', lightgbm({ threads: 0 }))({ rows: newest })),
    'pipeline train.step fit.threads',
    'expected 1 to 256, got 0',
  ],
  [
    'no processes at all',
    inPipeline(() => step('s', ofNumber).map([1], (n) => ({ n }), { concurrency: 0 })),
    'pipeline train.step s.concurrency',
    'expected 1 to 64, got 0',
  ],
  [
    'a mapped step that reads nothing of its items',
    inPipeline(() => step('s', ofNumber).map([1], () => ({ n: 1 }))),
    'pipeline train.step s.map',
    'expected at least one input to be of the item',
  ],
  [
    'more items than a step may have',
    inPipeline(() =>
      step('s', ofNumber).map(
        Array.from({ length: 100_001 }, () => 1),
        (n) => ({ n }),
      ),
    ),
    'pipeline train.step s.items',
    'expected at most 100000 items, got 100001',
  ],
  [
    'the item of another step',
    inPipeline(() =>
      step('s', ofNumber).map([1], (n) => {
        step('t', ofNumber)({ n })
        return { n }
      }),
    ),
    'pipeline train.step t.n',
    'expected a value that is there once; an item of step s is known to that step alone',
  ],
  [
    'days that begin at noon',
    () => daily('2026-01-01T12:00:00Z'),
    'daily',
    'expected the start of a day in UTC, got 2026-01-01T12:00:00Z',
  ],
  [
    'hours of another time zone',
    () => hourly('2026-01-01T00:00:00+05:30'),
    'hourly',
    'expected the start of an hour in UTC, got 2026-01-01T00:00:00+05:30',
  ],
  [
    'months from their middle on',
    () => monthly('2026-01-15'),
    'monthly',
    'expected the start of a month in UTC, got 2026-01-15',
  ],
  [
    'weeks from no day at all',
    () => byWeek('2026-13-01'),
    'weekly',
    'expected the start of a week in UTC, got 2026-13-01',
  ],
  ['a name that is there twice', () => oneOf(['eu', 'us', 'eu']), 'oneOf', 'eu is there twice'],
  [
    'two parameters of partitions',
    () => pipeline('p', { day: daily('2026-01-01'), region: oneOf(['eu']) }, () => undefined),
    'pipeline p.params.region',
    'expected one parameter of partitions, and day is one',
  ],
  [
    'a list of what is no JSON',
    () => list([Number.NaN]),
    'list[0]',
    'expected JSON or a value of a step, got NaN',
  ],
  [
    'a script that is no Python file',
    inPipeline(() => step('fit', python('fit.sh'))({})),
    'pipeline train.step fit.script',
    'expected a path to a .py or .ipynb file, got fit.sh',
  ],
  [
    'rows in a format that nobody makes',
    // @ts-expect-error -- no such format
    inPipeline(() => step('fit', python('fit.py', { inputs: 'csv' }))({})),
    'pipeline train.step fit.inputs',
    "expected 'parquet' or 'arrow', got csv",
  ],
  [
    'no threads at all',
    inPipeline(() => step('fit', python('fit.py', { threads: 0 }))({})),
    'pipeline train.step fit.threads',
    '1 to 256',
  ],
  [
    'too many retries of a script',
    inPipeline(() => step('fit', python('fit.py'), { retries: 11 })({})),
    'pipeline train.step fit.retries',
    '0 to 10',
  ],
  ['a name with a blank', () => dataset('my visits', { source, columns }), 'dataset', 'letter'],
  ['bounds the wrong way round', () => int().between(5, 1), 'column', 'lower bound first'],
  ['a share of none', () => int().mostly(0), 'column', 'above 0'],
  ['a pattern with flags', () => text(/^a$/i), 'text', 'without flags'],
  ['half an integer', () => int(1.5), 'int', 'whole number'],
  ['no number', () => number(Number.NaN), 'number', 'finite'],
  [
    'a derived column that is there',
    () => dataset('visits', { source, columns, derive: { page: '1' } }),
    'dataset visits.derive.page',
    'already',
  ],
  [
    'a view without features',
    () => featureView('v', { ...view, features: {} }),
    'feature view v.features',
    'at least one',
  ],
  [
    'a view by no time at all',
    () => featureView('v', { ...view, every: '0', features: { c: last('clicks') } }),
    'feature view v.every',
    'above 0',
  ],
  ['a window of no length', () => mean('clicks').over('0h'), 'mean(clicks).over', 'above 0'],
  [
    'a transform of nothing',
    () => transform('t', { of: visits, from: [], gives: ['x'] }, async () => () => ({ x: 1 })),
    'transform t.from',
    'expected a name',
  ],
  ['a rate without rows behind it', () => rate('page', { prior: 0 }), 'rate page.prior', 'above 0'],
  ['a day that is none', () => day('tomorrow'), 'day', '2001-02-01T00:00:00Z'],
  ['a duration of another kind', () => duration('1w' as '1d'), 'duration', '30m, 2h or 7d'],
  [
    'a step outside of a pipeline',
    () => step('fit', noop)({}),
    'step fit',
    'while a pipeline is built',
  ],
  ['a pipeline without steps', inPipeline(() => {}), 'pipeline train', 'at least one step'],
  [
    'two steps of one name',
    inPipeline(() => {
      step('fit', noop)({})
      step('fit', noop)({})
    }),
    'pipeline train',
    'two steps are named fit',
  ],
  [
    'a pipeline in a pipeline',
    inPipeline(() => {
      pipeline('inner', {}, () => {})
    }),
    'pipeline inner',
    'inside pipeline train',
  ],
  [
    'more retries than ten',
    inPipeline(() => {
      step('fit', noop, { retries: 11 })({})
    }),
    'pipeline train.step fit.retries',
    '0 to 10',
  ],
  [
    'an input that is no JSON',
    inPipeline(() => {
      step('fit', async () => async (_ctx, _in: { now: Date }) => null)({ now: new Date(0) })
    }),
    'pipeline train.step fit.now',
    'got a Date',
  ],
  [
    'an input that is no number',
    inPipeline(() => {
      step('fit', async () => async (_ctx, _in: { by: number }) => null)({ by: Number.NaN })
    }),
    'pipeline train.step fit.by',
    'got NaN',
  ],
  [
    'rows without a label',
    inPipeline(() => {
      trainingSet('rows', { ...rows, from: bare, inputs: [field('clicks')] })
    }),
    'pipeline train.step rows.from',
    '`label`',
  ],
  [
    'rows without inputs',
    inPipeline(() => {
      trainingSet('rows', { ...rows, inputs: [] })
    }),
    'pipeline train.step rows.inputs',
    'at least one',
  ],
  [
    'an input that is no column',
    inPipeline(() => {
      trainingSet('rows', { ...rows, inputs: [field('clocks')] })
    }),
    'pipeline train.step rows.inputs.clocks',
    'clicks',
  ],
  [
    'an input twice',
    inPipeline(() => {
      trainingSet('rows', { ...rows, inputs: [field('clicks'), field('clicks')] })
    }),
    'pipeline train.step rows.inputs',
    'two inputs are named clicks',
  ],
  [
    'a gate that bounds nothing',
    gated({ auc: { margin: 1 } }),
    'pipeline train.step g.thresholds.auc',
    'a bound such as',
  ],
  [
    'a gate whose slices are bound by nothing',
    gated({ auc: { atLeast: 0.7, worstSlice: { by: 'origin', margin: 1 } } }),
    'pipeline train.step g.thresholds.auc.worstSlice',
    'a bound such as',
  ],
  [
    'the worst of slices that are not declared',
    gated({ auc: { worstSlice: { atLeast: 0.6 } } }, []),
    'pipeline train.step g.thresholds.auc.worstSlice',
    "slices: ['COLUMN', …]",
  ],
  [
    'the worst of slices by a column that is not among those declared',
    gated({ auc: { worstSlice: { by: 'plan', atLeast: 0.6 } } }),
    'pipeline train.step g.thresholds.auc.worstSlice.by',
    'expected one of origin, page, got "plan"',
  ],
  [
    'slices that are declared twice',
    gated({ auc: { atLeast: 0.6 } }, ['plan', { by: 'plan', minRows: 100 }]),
    'pipeline train.step g.slices',
    'expected plan once',
  ],
  [
    'slices of no column',
    gated({ auc: { atLeast: 0.6 } }, ['']),
    'pipeline train.step g.slices',
    'the name of a column',
  ],
  [
    'slices of one row',
    gated({ auc: { atLeast: 0.6 } }, [{ by: 'plan', minRows: 1 }]),
    'pipeline train.step g.slices.minRows',
    'a whole number of 2 or more, got 1',
  ],
  [
    'a gate whose slices are compared with a champion that is not given',
    gated({ auc: { worstSlice: { by: 'origin', notWorseThan: 'champion' } } }),
    'pipeline train.step g.auc',
    'not given',
  ],
  [
    'a disparity between nobody knows which groups',
    gated({ disparity: { below: 0.05 } }),
    'pipeline train.step g.thresholds.disparity.by',
    'the column',
  ],
  [
    'groups of a metric that compares none',
    gated({ auc: { by: 'page', atLeast: 0.7 } }),
    'pipeline train.step g.thresholds.auc.by',
    'only with disparity',
  ],
  [
    'slices of a latency',
    gated({ latencyP95Ms: { worstSlice: { by: 'page', below: 100 } } }),
    'pipeline train.step g.thresholds.latencyP95Ms.worstSlice',
    'single rows',
  ],
  [
    'a gap in size',
    gated({ sizeBytes: { gapAtMost: 1 } }),
    'pipeline train.step g.thresholds.sizeBytes.gapAtMost',
    'single rows',
  ],
  [
    'not worse with confidence, by nobody knows how much',
    gated({ auc: { notWorseThan: 'champion', confident: true } }),
    'pipeline train.step g.thresholds.auc.margin',
    'how much worse',
  ],
  [
    'better than a baseline, with confidence',
    gated({ auc: { betterThan: 'baseline', confident: true } }),
    'pipeline train.step g.thresholds.auc.confident',
    'only with the champion',
  ],
  [
    'a gate of an unknown metric',
    gated({ acu: { atLeast: 1 } }),
    'pipeline train.step g.thresholds',
    'auc',
  ],
  [
    'a gate without the baseline it names',
    gated({ auc: { betterThan: 'baseline' } }),
    'pipeline train.step g.auc',
    'not given',
  ],
  [
    'a gate without the champion it names',
    gated({ auc: { notWorseThan: 'champion' } }),
    'pipeline train.step g.auc',
    'not given',
  ],
  [
    'an endpoint that asks for nothing',
    () => endpoint('e', { model: 'm', subject: 's', input: {} }),
    'endpoint e.input',
    'at least one field',
  ],
  [
    'a request that is mostly right',
    () => endpoint('e', { model: 'm', subject: 's', input: { x: int().mostly(0.9) } }),
    'endpoint e.input.x',
    'many rows',
  ],
  [
    'a monitor from no instant',
    () => monitor('w', { ...weekly, from: 'January' }),
    'monitor w.from',
    '2001-02-01',
  ],
  [
    'a monitor of no rows',
    () => monitor('w', { ...weekly, minRows: 0 }),
    'monitor w.minRows',
    'from 1',
  ],
  [
    'quality that no monitor judges',
    () => onQuality(monitor('w', weekly)),
    'onQuality',
    '`worseBy`',
  ],
  [
    'a subject in no header',
    () => found({ header: 'X User' }),
    'endpoint e.subjectFrom',
    'a header in lower',
  ],
  ['a subject in no field', () => found({ field: 'y' }), 'endpoint e.subjectFrom', 'one of x'],
  ['a canary that is everything', () => canary({ weight: 1 }), 'canary.weight', 'below 1'],
  ['a canary of two sizes', () => canary({ weight: 0.1, stages: [10] }), 'canary.weight', 'either'],
  ['a canary that shrinks', () => canary(50, 10), 'canary.stages.1', 'rising percents, got 10'],
  ['a canary beyond the whole', () => canary(50, 120), 'canary.stages.1', 'below 100'],
  ['a canary in no stages', () => canary({ stages: [] }), 'canary.stages', 'at least one'],
  ['a canary at once', () => canary(100), 'canary.stages.0', 'immediate()'],
  ['half a sample', () => canary({ minSamples: 0.5 }), 'canary.minSamples', 'whole number'],
  ['a canary slower than none', () => canary({ slowMs: 0 }), 'canary.slowMs', 'above 0'],
  [
    'a trigger without a reason',
    () => trigger('t', { ...retrain, when: [], with: { depth: 1 }, release: immediate() }),
    'trigger t.when',
    'at least one',
  ],
  [
    'a trigger that gives too little',
    () => trigger('t', { ...retrain, when: [onSchedule('1d')], release: immediate() }),
    'trigger t.with.depth',
    'wants a int',
  ],
  [
    'a question without an answer',
    () => project('p', { ...card, task: ' ' }),
    'project p.task',
    'an answer',
  ],
  [
    'more approvals than there are who give them',
    () => approvedBy({ required: 3, among: ['ada', 'bob'] }),
    'project p.approvals.required',
    'expected at most 2, as many as approve, got 3',
  ],
  [
    'no approvals at all',
    () => approvedBy({ required: 0, among: 'approver' }),
    'project p.approvals.required',
    'from 1 to 20, got 0',
  ],
  ['half an approval', () => approvedBy(1.5), 'project p.approvals', 'from 1 to 20, got 1.5'],
  [
    'an approver twice',
    () => approvedBy({ required: 1, among: ['ada', 'ada'] }),
    'project p.approvals.among',
    'expected ada once',
  ],
  [
    'an approver who is no key',
    () => approvedBy({ required: 1, among: ['key:ada'] }),
    'project p.approvals.among',
    'got "key:ada"',
  ],
  [
    'approvers of no role',
    // @ts-expect-error there is no such role
    () => approvedBy({ required: 1, among: 'boss' }),
    'project p.approvals.among',
    'expected one of viewer, member, approver, admin',
  ],
  [
    'a project without thresholds',
    () => project('p', card),
    'project p.thresholds',
    'at least one',
  ],
]

test.each(refusals)('%s is refused by name', (_title, define, place, problem) => {
  expect(define).toThrow(DefinitionError)
  expect(define).toThrow(expect.objectContaining({ field: place, code: 'INVALID_ARGUMENT' }))
  expect(define).toThrow(problem)
})

test('a value of a step cannot be read, nested or carried into another pipeline while building', () => {
  const leaked: unknown[] = []
  pipeline('first', { depth: int(1) }, ({ depth }) => {
    leaked.push(depth)
    expect(() => Number(depth)).toThrow('is only there when it runs')
    const nested = { all: { depth } }
    const takes = step('fit', async () => async (_ctx, _in: { all: object }) => null)
    expect(() => takes(nested)).toThrow('pipeline first.step fit.all.depth: expected each value')
    step('noop', noop)({})
  })
  const carry = () =>
    step('fit', async () => async (_ctx, _in: { depth: unknown }) => null)({ depth: leaked[0] })
  expect(inPipeline(carry)).toThrow('expected a value of this pipeline, not of first')
})

const waits = async () => {
  step('noop', noop)({})
}

test('a pipeline that waits is refused, and leaves the next one alone', () => {
  expect(inPipeline(waits)).toThrow('must not be async')
  expect(inPipeline(() => step('noop', noop)({}))).not.toThrow()
})

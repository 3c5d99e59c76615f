import type { Run, RunRef } from '@gyre/sdk/wire/run'
import { expect, test } from 'vitest'
import { compareRuns, comparisonTable } from './run-comparison.ts'

function run(id: string, facts: Partial<Run>): Run {
  return {
    id,
    project: 'default',
    kind: 'training',
    name: 'fit',
    status: 'succeeded',
    parentId: null,
    experiment: null,
    startedAt: '2026-01-01T00:00:00.000Z',
    endedAt: null,
    actor: 'local',
    params: {},
    metrics: {},
    tags: {},
    inputs: [],
    outputs: [],
    code: null,
    environment: {},
    error: null,
    seed: null,
    ...facts,
  }
}

const ONE = run('run_1', {
  params: { lr: '0.1', rows: { digest: 'sha256:a' } },
  metrics: { auc: 0.71, loss: NaN },
  inputs: [
    { ref: 'dataset:flights@1', role: 'rows' },
    { ref: 'run:run_0', role: 'rows' },
  ],
  outputs: [{ ref: 'artifact:sha256:m', role: 'output' }],
})
const TWO = run('run_2', {
  status: 'failed',
  params: { lr: '0.2', rows: { digest: 'sha256:a' } },
  metrics: { auc: 0.71 },
  inputs: [{ ref: 'dataset:flights@2', role: 'rows' }],
})

test('what runs have stands beside each other, null where one has nothing', () => {
  const files = { 'plot.png': '10 bytes' }
  expect(
    compareRuns([
      { run: ONE, files: {} },
      { run: TWO, files },
    ]),
  ).toEqual({
    runs: [
      { id: 'run_1', kind: 'training', name: 'fit', status: 'succeeded' },
      { id: 'run_2', kind: 'training', name: 'fit', status: 'failed' },
    ],
    params: { lr: ['0.1', '0.2'], rows: [{ digest: 'sha256:a' }, { digest: 'sha256:a' }] },
    metrics: { auc: [0.71, 0.71], loss: [NaN, null] },
    inputs: {
      rows: ['run:run_0', null],
      'rows dataset:flights': ['dataset:flights@1', 'dataset:flights@2'],
    },
    artifacts: { output: ['artifact:sha256:m', null], 'plot.png': [null, '10 bytes'] },
  })
})

test('the table marks what differs and nothing else', () => {
  const shown = comparisonTable(compareRuns([ONE, TWO].map((each) => ({ run: each, files: {} }))))
  const marked = shown.split('\n').filter((line) => line.startsWith('≠'))
  expect(marked.map((line) => line.split(/ {2,}/)[1])).toEqual([
    'lr',
    'loss',
    'rows',
    'rows dataset:flights',
    'output',
  ])
  expect(shown).toMatch(/^ +auc +0\.71 +0\.71$/m)
})

/** What a run read: an artifact that a step of another run made, and a file. */
function read(maker: string, rows: string, file: string, more: readonly RunRef[] = []): RunRef[] {
  return [
    { ref: `artifact:sha256:${rows}`, role: 'rows', digest: `sha256:${rows}` },
    { ref: `run:${maker}`, role: 'rows' },
    { ref: `run:${maker}`, role: 'base' },
    { ref: 'file:data.csv', role: 'input', digest: `sha256:${file}` },
    ...more,
  ]
}

/** The names of the rows that are marked between runs with these inputs. */
function differing(...inputs: readonly RunRef[][]): readonly (string | undefined)[] {
  const runs = inputs.map((each, i) => ({ run: run(`run_${i}`, { inputs: each }), files: {} }))
  const lines = comparisonTable(compareRuns(runs)).split('\n')
  return lines.filter((line) => line.startsWith('≠')).map((line) => line.split(/ {2,}/)[1])
}

test('which run made an input is no difference, which bytes a file had is one', () => {
  expect(differing(read('run_7', 'a', 'f'), read('run_8', 'a', 'f'))).toEqual([])
  expect(differing(read('run_7', 'a', 'f'), read('run_8', 'b', 'f'))).toEqual(['rows'])
  expect(differing(read('run_7', 'a', 'f'), read('run_7', 'a', 'g'))).toEqual([
    'input file:data.csv',
  ])
  const repeats = [{ ref: 'run:run_1', role: 'repeats' }]
  expect(differing(read('run_7', 'a', 'f'), read('run_7', 'a', 'f', repeats))).toEqual(['repeats'])
})

test('a key named like a member of every object is a key', () => {
  const odd = run('run_3', { params: { constructor: 'x' } })
  const { params } = compareRuns([
    { run: odd, files: {} },
    { run: TWO, files: {} },
  ])
  expect(params['constructor']).toEqual(['x', null])
})

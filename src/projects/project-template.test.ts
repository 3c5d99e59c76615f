import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { bundleProject } from './bundle.ts'
import { evaluateBundle } from './evaluate.ts'
import { projectTemplate } from './project-template.ts'
import { locateSource } from './source.ts'

const answers = {
  name: 'who-leaves',
  task: 'Who won\'t \\stay\\, and "why"?\n(asked weekly)',
  metric: 'auc',
  baseline: 'logistic regression',
  thresholds: { auc: { atLeast: 0.7 }, logLoss: { betterThan: 'baseline' as const } },
  owner: 'customer | success',
}

test.each([
  ['name', { ...answers, name: 'who leaves' }],
  ['task', { ...answers, task: '' }],
  ['thresholds.auc.atLeast', { ...answers, thresholds: { auc: { atLeast: Number.NaN } } }],
])('an answer that will not do is refused: %s', (field, given) => {
  expect(() => projectTemplate(given)).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT', details: { field } }),
  )
})

test('a new project can be applied as it is, and its gate reads the answers', async () => {
  const root = await mkdtemp(join(tmpdir(), 'gyre-'))
  try {
    for (const [path, text] of projectTemplate(answers)) {
      await mkdir(dirname(join(root, path)), { recursive: true })
      await writeFile(join(root, path), text)
    }
    const manifest = await evaluateBundle(await bundleProject(root))
    const { name, ...card } = answers
    expect(manifest).toMatchObject({ name, card })
    const gate = manifest.pipelines[0]?.steps.find(({ kind }) => kind === 'gate')
    expect(gate).toMatchObject({ rules: answers.thresholds })
    expect(manifest.datasets.map((each) => [each.name, locateSource(root, each)])).toEqual([
      ['customers', join(root, 'data/customers.csv')],
    ])
  } finally {
    await rm(root, { recursive: true })
  }
}, 30_000)

test('the same answers give the same files, and both outcomes occur in the rows', () => {
  expect(projectTemplate(answers)).toEqual(projectTemplate(answers))
  const lines = projectTemplate(answers).get('data/customers.csv')?.trim().split('\n') ?? []
  const left = lines.filter((line) => line.endsWith(',1')).length
  expect(lines).toHaveLength(3001)
  expect(left).toBeGreaterThan(500)
  expect(left).toBeLessThan(2500)
})

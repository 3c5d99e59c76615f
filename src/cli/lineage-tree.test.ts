import { expect, test } from 'vitest'
import { lineageTree } from './lineage-tree.ts'

const DIGEST = `sha256:${'a'.repeat(64)}`

const node = (ref: string, digest: string | null, label: string | null = null) => ({
  ref,
  kind: ref.split(':')[0] ?? '',
  digest,
  label,
})

test('a tree names each thing once with its digest, and a thing met again without its own tree', () => {
  const lineage = {
    root: 'model:delay@1',
    nodes: [
      node('model:delay@1', DIGEST),
      node(`artifact:${DIGEST}`, DIGEST),
      node('run:run_1', null, 'training fit'),
    ],
    edges: [
      { from: 'run:run_1', to: 'model:delay@1', role: 'registered' },
      { from: `artifact:${DIGEST}`, to: 'model:delay@1', role: 'files' },
      { from: 'run:run_1', to: `artifact:${DIGEST}`, role: 'model' },
    ],
    truncated: true,
  }
  expect(lineageTree(lineage, 'up').split('\n')).toEqual([
    `model:delay@1 ${DIGEST}`,
    '  registered: run:run_1 (training fit)',
    `  files: artifact:${DIGEST}`,
    '    model: run:run_1 (training fit) …',
    '… and more; ask for a part of it',
  ])
})

test('a label cannot begin a line of the tree', () => {
  const nodes = [node('run:run_1', null, 'training a\nmodel:fake@1')]
  const lineage = { root: 'run:run_1', nodes, edges: [], truncated: false }
  expect(lineageTree(lineage, 'up')).toBe('run:run_1 (training a\\nmodel:fake@1)')
})

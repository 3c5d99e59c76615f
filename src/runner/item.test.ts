import { expect, test } from 'vitest'
import { createItemPoints } from './item.ts'

test('of a curve that an item logs its last point is the item’s; points without a step are all its', () => {
  const points = createItemPoints()
  points.add('loss', 3, 0)
  points.add('auc', 0.7)
  points.add('loss', 1, 2)
  points.add('loss', 2, 1)
  points.add('auc', 0.8)
  points.add('lr', 0.1, 0)
  points.add('lr', 0.2, 0)
  expect(points.all()).toEqual([
    { key: 'loss', value: 1 },
    { key: 'auc', value: 0.7 },
    { key: 'auc', value: 0.8 },
    { key: 'lr', value: 0.2 },
  ])
  expect(createItemPoints().all()).toEqual([])
})

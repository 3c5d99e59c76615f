import { assert, integer, property, string } from 'fast-check'
import { expect, test } from 'vitest'
import { BUCKETS, bucketOf, inCanary } from './split.ts'

test('a bucket is what any SHA-256 gives', () => {
  // Python 3.11: int.from_bytes(hashlib.sha256(f'{salt}:{subject}'.encode()).digest()[:8], 'big') % 10000
  expect(bucketOf('rel_1', '0')).toBe(6253)
  expect(bucketOf('rel_1', '1')).toBe(6109)
  expect(bucketOf('rel_2', '1')).toBe(6525)
  expect(bucketOf('', '')).toBe(4368)
  expect(bucketOf('salt', 'Ọjọ́')).toBe(5690)
  expect(bucketOf('rel_1', '2999999')).toBe(4173)
})

test('weight 0 takes nobody, weight 10,000 everybody', () => {
  expect(inCanary(0, 0)).toBe(false)
  expect(inCanary(BUCKETS - 1, BUCKETS)).toBe(true)
})

test('raising the weight never moves a subject back to stable', () => {
  const weight = integer({ min: 0, max: BUCKETS })
  assert(
    property(string(), string(), weight, weight, (salt, subject, a, b) => {
      const bucket = bucketOf(salt, subject)
      const [before, after] = [Math.min(a, b), Math.max(a, b)].map((bp) => inCanary(bucket, bp))
      expect(before && !after).toBe(false)
    }),
  )
})

test('subjects spread evenly over the buckets', () => {
  const counts = Array.from({ length: 10 }, () => 0)
  for (let subject = 0; subject < 20_000; subject++) {
    const tenth = Math.floor(bucketOf('even', String(subject)) / 1000)
    counts[tenth] = (counts[tenth] ?? 0) + 1
  }
  const chiSquare = counts.reduce((sum, count) => sum + (count - 2000) ** 2 / 2000, 0)
  expect(chiSquare).toBeLessThan(27.88) // scipy 1.17: chi2.ppf(0.999, 9) = 27.877
})

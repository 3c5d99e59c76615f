import { expect, test } from 'vitest'
import { passesFilter } from './filter.ts'

// The examples of GitHub's documentation ("Filter pattern cheat sheet").
test.each<[string, readonly string[], readonly string[]]>([
  ['feature/*', ['feature/my-branch', 'feature/your-branch'], ['feature/beta-a/my-branch', 'x']],
  ['feature/**', ['feature/beta-a/my-branch', 'feature/your-branch'], ['features/a']],
  ['*', ['main', 'releases'], ['all/the/branches', 'every/tag']],
  ['**', ['all/the/branches', 'every/tag'], []],
  ['*feature', ['mybranch-feature', 'feature'], ['ver-10-feature/x']],
  ['v2*', ['v2', 'v2.0', 'v2.9'], ['v1']],
  ['v[12].[0-9]+.[0-9]+', ['v1.10.1', 'v2.0.0'], ['v3.1.1', 'v1-1.1']],
  ['*.jsx?', ['page.js', 'page.jsx'], ['page.jsxx', 'a/page.js']],
  ['**.js', ['index.js', 'js/index.js', 'src/js/app.js'], ['index.ts']],
  ['docs/*', ['docs/README.md', 'docs/file.txt'], ['docs/a/b.md']],
  ['**/docs/**', ['docs/hello.md', 'dir/docs/my-file.txt', 'space/docs/plan/a.txt'], ['doc/a']],
  ['**/*-post.md', ['my-post.md', 'path/their-post.md'], ['post.md']],
])('%s', (pattern, inside, outside) => {
  expect(inside.filter((text) => !passesFilter([pattern], [text]))).toEqual([])
  expect(outside.filter((text) => passesFilter([pattern], [text]))).toEqual([])
})

test('a later pattern with ! takes away, a still later one gives back', () => {
  const patterns = ['src/**', '!src/docs/**', 'src/docs/keep.md']
  expect(passesFilter(patterns, ['src/docs/a.md'])).toBe(false)
  expect(passesFilter(patterns, ['src/docs/a.md', 'src/a.ts'])).toBe(true)
  expect(passesFilter(patterns, ['src/docs/keep.md'])).toBe(true)
})

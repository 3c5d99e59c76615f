import { expect, test } from 'vitest'
import { ctx, openShelf } from './fixture.ts'

test('the files of a run become a version of that run, once', async () => {
  await using shelf = await openShelf()
  const { registry } = shelf
  const run = await shelf.logged({ 'model/MLmodel': 'flavors: {}', 'model/w': '1' })
  const source = `runs:/${run}/model`
  for (const [asked, code] of [
    ['/etc/passwd', 'INVALID_ARGUMENT'],
    ['models:/churn/1', 'INVALID_ARGUMENT'],
    [`runs:/${run}/other`, 'NOT_FOUND'],
    ['runs:/nope/model', 'NOT_FOUND'],
  ] as const)
    await expect(registry.registerSource(ctx, 'churn', asked)).rejects.toMatchObject({ code })
  await expect(registry.registerSource(ctx, 'a/b', source)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  })
  const made = await registry.registerSource(ctx, 'churn', source)
  expect(made).toMatchObject({ ref: 'model:churn@1', runId: run, source })
  expect(await registry.registerSource(ctx, 'churn', source)).toEqual(made)
})

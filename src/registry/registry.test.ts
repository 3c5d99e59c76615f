import type { Stage } from '@gyre/sdk/wire/stage'
import { expect, test } from 'vitest'
import { digestOf } from '../core/digest.ts'
import { ctx, GATED, openShelf } from './fixture.ts'
import { assertMove } from './stage.ts'

const approved = { decision: 'approved', note: '' } as const

test.each<[Stage, readonly Stage[]]>([
  ['none', ['staging', 'archived']],
  ['staging', ['none', 'production', 'archived']],
  ['production', ['archived']],
  ['archived', ['staging']],
])('from %s a version goes to %j by hand, and nowhere else', (from, allowed) => {
  const stages = ['none', 'staging', 'production', 'archived'] as const
  const may = (to: Stage) => {
    try {
      assertMove('model:delay@1', from, to, GATED)
      return true
    } catch {
      return false
    }
  }
  expect(stages.filter(may).toSorted()).toEqual([...allowed].toSorted())
  expect(() => assertMove('model:delay@1', from, from, GATED)).toThrow(
    `allowed: ${allowed.join(', ')}`,
  )
})

test('a reference to nothing is refused with what is wrong with it', async () => {
  await using shelf = await openShelf()
  await shelf.add('one')
  const refused = {
    'delay@1': 'INVALID_ARGUMENT',
    'dataset:delay@1': 'INVALID_ARGUMENT',
    'model:delay@9': 'NOT_FOUND',
    'model:delay@champion': 'NOT_FOUND',
    'model:other@1': 'NOT_FOUND',
  }
  for (const [ref, code] of Object.entries(refused))
    await expect(shelf.registry.get(ctx, ref)).rejects.toMatchObject({ code })
})

test('production wants an approval, then a passing verdict, and says how to get them', async () => {
  await using shelf = await openShelf()
  const ref = await shelf.add('one')
  await shelf.registry.stage(ctx, ref, 'staging')
  const toProduction = () => shelf.registry.stage(ctx, ref, 'production')
  await expect(toProduction()).rejects.toMatchObject({
    code: 'APPROVAL_MISSING',
    message: `${ref} is not approved: approve it with "gyre model approve delay@1"`,
  })
  await shelf.registry.approve(ctx, ref, approved)
  await expect(toProduction()).rejects.toMatchObject({ code: 'GATE_REFUSED' })
  shelf.passed.add(digestOf('one'))
  await expect(toProduction()).rejects.toMatchObject({
    code: 'APPROVAL_MISSING',
    message: `${ref} was approved by local before worth-shipping judged it by its present rules: approve it with "gyre model approve delay@1"`,
  })
  await shelf.registry.approve(ctx, ref, approved)
  expect((await toProduction()).stage).toBe('production')
})

test('the last decision counts', async () => {
  await using shelf = await openShelf()
  const ref = await shelf.add('one')
  shelf.passed.add(digestOf('one'))
  await shelf.registry.approve(ctx, ref, approved)
  await shelf.registry.approve({ ...ctx, actor: 'key:ada' }, ref, {
    decision: 'rejected',
    note: 'not yet',
  })
  const releasable = shelf.store.catalog.write((tx) =>
    shelf.registry.assertReleasable(tx, ctx, ref),
  )
  await expect(releasable).rejects.toThrow('was rejected by key:ada')
  expect((await shelf.registry.get(ctx, ref)).approvals).toHaveLength(2)
})

test('under four eyes nobody approves a version of their own, a policy may', async () => {
  await using shelf = await openShelf({ policy: async () => ({ ...GATED, fourEyes: true }) })
  const ref = await shelf.add('one')
  await expect(shelf.registry.approve(ctx, ref, approved)).rejects.toMatchObject({
    code: 'FORBIDDEN',
  })
  expect((await shelf.registry.get(ctx, ref)).approvals).toEqual([])
  const version = await shelf.registry.approve(ctx, ref, { ...approved, actor: 'policy:gate' })
  expect(version.approvals).toMatchObject([{ actor: 'policy:gate', decision: 'approved' }])
  expect(await shelf.store.events.latest({ types: ['model.approved'] })).toMatchObject({
    actor: 'policy:gate',
    subject: { kind: 'model', id: 'delay@1' },
  })
})

test('versions count up by name; the same files from the same run are the same version', async () => {
  await using shelf = await openShelf()
  expect(await shelf.add('one')).toBe('model:delay@1')
  expect(await shelf.add('two')).toBe('model:delay@2')
  expect(await shelf.add('two')).toBe('model:delay@3')
  const { name, digest, runId } = await shelf.registry.get(ctx, 'model:delay@2')
  const again = { name, digest, runId: runId ?? '', metrics: { auc: Number.NaN } }
  expect(await shelf.registry.register(ctx, again)).toMatchObject({
    ref: 'model:delay@2',
    metrics: { auc: 0.7 },
  })
  expect((await shelf.registry.list(ctx, 'delay')).map(({ version }) => version)).toEqual([
    '3',
    '2',
    '1',
  ])
})

test('files are found by their digest under one name, the newest version of them', async () => {
  await using shelf = await openShelf()
  for (const files of ['one', 'two', 'one']) await shelf.add(files)
  const find = (name: string, files: string, of = ctx) =>
    shelf.registry.findByDigest(of, name, digestOf(files))
  expect(await find('delay', 'three')).toBeUndefined()
  expect(await find('churn', 'one')).toBeUndefined()
  expect(await find('delay', 'one', { ...ctx, project: 'other' })).toBeUndefined()
  expect((await find('delay', 'one'))?.ref).toBe('model:delay@3')
})

test('an alias names a version and every move is an event; production is not for hands', async () => {
  await using shelf = await openShelf()
  await shelf.add('one')
  await shelf.add('two')
  await shelf.registry.setAlias(ctx, 'model:delay@1', 'candidate')
  await shelf.registry.setAlias(ctx, 'model:delay@2', 'candidate')
  expect((await shelf.registry.get(ctx, 'model:delay@candidate')).version).toBe('2')
  const moves = await shelf.store.events.since(0, 100, { types: ['model.aliased'] })
  expect(moves.map(({ data }) => data)).toEqual([
    { alias: 'candidate', from: null, to: 1 },
    { alias: 'candidate', from: 1, to: 2 },
  ])
  const byHand = shelf.registry.setAlias(ctx, 'model:delay@1', 'production')
  await expect(byHand).rejects.toMatchObject({ code: 'CONFLICT' })
})

test('what goes into production archives what was there', async () => {
  await using shelf = await openShelf()
  const [one, two] = [await shelf.add('one'), await shelf.add('two')]
  const put = (ref: string) =>
    shelf.store.catalog.write((tx) => shelf.registry.putInProduction(tx, ctx, ref))
  await put(one)
  await put(two)
  expect(await shelf.registry.get(ctx, one)).toMatchObject({ stage: 'archived', aliases: [] })
  await put(one)
  expect(await shelf.registry.get(ctx, one)).toMatchObject({
    stage: 'production',
    aliases: ['production'],
  })
  expect((await shelf.registry.get(ctx, two)).stage).toBe('archived')
})

test('what answers in production is not put away by hand', async () => {
  await using shelf = await openShelf()
  const [one, two] = [await shelf.add('one'), await shelf.add('two')]
  const put = (ref: string) =>
    shelf.store.catalog.write((tx) => shelf.registry.putInProduction(tx, ctx, ref))
  await put(one)
  await expect(shelf.registry.stage(ctx, one, 'archived')).rejects.toMatchObject({
    code: 'CONFLICT',
    message: `stage: ${one} is in production; another release takes it out`,
  })
  expect(await shelf.registry.get(ctx, one)).toMatchObject({ stage: 'production' })
  await put(two)
  expect((await shelf.registry.stage(ctx, one, 'staging')).stage).toBe('staging')
})

test('another project sees nothing', async () => {
  await using shelf = await openShelf()
  await shelf.add('one')
  const elsewhere = { ...ctx, project: 'other' }
  expect(await shelf.registry.find(elsewhere, 'model:delay@1')).toBeUndefined()
  expect(await shelf.registry.list(elsewhere)).toEqual([])
})

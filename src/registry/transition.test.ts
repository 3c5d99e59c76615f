import type { Verdict } from '@gyre/sdk/wire/gate'
import type { Stage } from '@gyre/sdk/wire/stage'
import { expect, test } from 'vitest'
import { digestOf } from '../core/digest.ts'
import { ctx, GATED, openShelf, UNGOVERNED, VERDICT, type Shelf } from './fixture.ts'
import type { Approver, ModelPolicy } from './model-policy.ts'

const key = (version: number) => ({ name: 'delay', version })
const ada = { ...ctx, actor: 'key:ada' }
const bob = { ...ctx, actor: 'key:bob' }
const approved = { decision: 'approved', note: '' } as const
const rejected = { decision: 'rejected', note: '' } as const

const STAGES: readonly Stage[] = ['none', 'staging', 'production', 'archived']

const move = ({ registry }: Shelf, version: number, to: Stage, archiveExisting = false) =>
  registry.versions.transition(ctx, key(version), { to, archiveExisting })

const open = (change: Partial<ModelPolicy>) =>
  openShelf({ policy: async () => ({ ...GATED, ...change }) })

const stagesOf = async ({ registry }: Shelf) =>
  (await registry.list(ctx, 'delay')).map(({ version, stage }) => `${version} ${stage}`)

test('MLflow moves an ungoverned version from any stage to any, itself included', async () => {
  await using shelf = await openShelf({ policy: async () => UNGOVERNED })
  await shelf.add('one')
  for (const from of STAGES)
    for (const to of STAGES) {
      await move(shelf, 1, from)
      expect((await move(shelf, 1, to)).stage).toBe(to)
    }
  for (const to of ['none', 'archived'] as const)
    await expect(move(shelf, 1, to, true)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  await expect(move(shelf, 9, 'staging')).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('of versions that race into production, each emptying it, one is there in the end', async () => {
  await using shelf = await openShelf({ policy: async () => UNGOVERNED })
  const versions = [1, 2, 3, 4, 5, 6, 7, 8]
  for (const version of versions) await shelf.add(`files ${version}`)
  const moves = versions.flatMap((version) => [
    move(shelf, version, 'production', true),
    shelf.registry.list(ctx, 'delay'),
  ])
  const seen = (await Promise.all(moves)).flatMap((one) => (Array.isArray(one) ? [one] : []))
  for (const list of [...seen, await shelf.registry.list(ctx, 'delay')])
    expect(list.filter(({ stage }) => stage === 'production').length).toBeLessThanOrEqual(1)
  const { events } = shelf.store
  const staged = await events.since(0, 100, { types: ['model.staged'] })
  const into = staged.filter(({ data }) => data['to'] === 'production').length
  const out = staged.filter(({ data }) => data['to'] === 'archived').length
  expect([into, out]).toEqual([8, 7])
})

test('without archiving, a stage holds as many versions as are put there', async () => {
  await using shelf = await openShelf({ policy: async () => UNGOVERNED })
  for (const files of ['one', 'two', 'three']) await shelf.add(files)
  await move(shelf, 1, 'production')
  await move(shelf, 2, 'production')
  expect(await stagesOf(shelf)).toEqual(['3 none', '2 production', '1 production'])
  await move(shelf, 3, 'production', true)
  expect(await stagesOf(shelf)).toEqual(['3 production', '2 archived', '1 archived'])
})

test('a gated version needs an approval, then a verdict; a refusal moves nothing', async () => {
  await using shelf = await open({})
  const ref = await shelf.add('one')
  await shelf.add('two')
  await move(shelf, 2, 'archived')
  const toProduction = () => move(shelf, 1, 'production', true)
  await expect(toProduction()).rejects.toMatchObject({ code: 'APPROVAL_MISSING' })
  await shelf.registry.approve(bob, ref, approved)
  await expect(toProduction()).rejects.toMatchObject({ code: 'GATE_REFUSED' })
  expect(await stagesOf(shelf)).toEqual(['2 archived', '1 none'])
  shelf.passed.add(digestOf('one'))
  await shelf.registry.approve(bob, ref, approved)
  expect((await toProduction()).stage).toBe('production')
})

test("a refusal says the gates' reasons", async () => {
  const refusing: Verdict = {
    ...VERDICT,
    passed: false,
    checks: [
      {
        metric: 'auc',
        rule: 'at least 0.65',
        value: 0.61,
        bound: 0.65,
        passed: false,
        reason: '0.61 is not at least 0.65',
      },
    ],
  }
  await using shelf = await openShelf({
    verdicts: {
      passing: async () => undefined,
      standing: async () => [VERDICT, refusing],
      lapsed: async () => [],
    },
  })
  const ref = await shelf.add('one')
  await shelf.registry.approve(bob, ref, approved)
  await expect(move(shelf, 1, 'production')).rejects.toMatchObject({
    code: 'GATE_REFUSED',
    message: expect.stringContaining('(worth-shipping: auc: 0.61 is not at least 0.65)'),
    details: { ref, reasons: ['worth-shipping: auc: 0.61 is not at least 0.65'] },
  })
})

function missing(message: string) {
  return { code: 'APPROVAL_MISSING', message: expect.stringContaining(message) }
}

test('n different people approve since the last rejection; who approves twice is one', async () => {
  await using shelf = await open({ approvals: 2 })
  const { registry } = shelf
  const ref = await shelf.add('one')
  shelf.passed.add(digestOf('one'))
  const toProduction = () => move(shelf, 1, 'production')
  await expect(toProduction()).rejects.toMatchObject(missing('is not approved'))
  await registry.approve(ada, ref, approved)
  await registry.approve(ada, ref, approved)
  await expect(toProduction()).rejects.toMatchObject(missing('has 1 of 2 approvals'))
  await registry.approve(bob, ref, rejected)
  await expect(toProduction()).rejects.toMatchObject(missing('was rejected by key:bob'))
  await registry.approve(bob, ref, approved)
  await expect(toProduction()).rejects.toMatchObject(missing('has 1 of 2 approvals'))
  await registry.approve(ada, ref, approved)
  expect((await toProduction()).stage).toBe('production')
})

/** The keys that are named and live, since the clock's start. */
const keysOf = (...names: readonly string[]): readonly Approver[] =>
  names.map((name) => ({ actor: `key:${name}`, since: '2001-01-01T00:00:00.000Z' }))

test('two of three that are named approve, each counted once, and nobody else may', async () => {
  await using shelf = await open({ approvals: 2, among: keysOf('ada', 'bob', 'carol') })
  const { registry } = shelf
  const ref = await shelf.add('one')
  shelf.passed.add(digestOf('one'))
  const toProduction = () => move(shelf, 1, 'production')
  const dave = { ...ctx, actor: 'key:dave' }
  for (const stranger of [dave, ctx])
    await expect(registry.approve(stranger, ref, approved)).rejects.toMatchObject({
      code: 'FORBIDDEN',
      message: `approvals.among: ${stranger.actor} is not among those who approve delay: key:ada, key:bob, key:carol`,
      details: { field: 'approvals.among', actor: stranger.actor },
    })
  expect((await registry.get(ctx, ref)).approvals).toEqual([])
  await registry.approve(ctx, ref, { ...approved, actor: 'policy:gate' })
  await expect(toProduction()).rejects.toMatchObject(
    missing('has 0 of 2 approvals that count, of key:ada, key:bob, key:carol'),
  )
  await registry.approve(ada, ref, approved)
  await registry.approve(ada, ref, approved)
  await expect(toProduction()).rejects.toMatchObject(missing('has 1 of 2 approvals that count'))
  await registry.approve(bob, ref, approved)
  expect((await toProduction()).stage).toBe('production')
})

test('four eyes hold among those who are named, too', async () => {
  await using shelf = await open({ among: keysOf('ada', 'local'), fourEyes: true })
  const ref = await shelf.add('one')
  await expect(shelf.registry.approve(ctx, ref, approved)).rejects.toMatchObject({
    code: 'FORBIDDEN',
    message: 'local made model:delay@1: somebody else must approve it',
  })
})

test('what a key approved goes with it, and its name given to another brings nothing back', async () => {
  let among = keysOf('ada', 'bob')
  await using shelf = await openShelf({ policy: async () => ({ ...GATED, approvals: 2, among }) })
  const { registry } = shelf
  const ref = await shelf.add('one')
  shelf.passed.add(digestOf('one'))
  const toProduction = () => move(shelf, 1, 'production')
  await registry.approve(ada, ref, approved)
  await registry.approve(bob, ref, approved)
  among = keysOf('ada')
  await expect(toProduction()).rejects.toMatchObject(
    missing('has 1 of 2 approvals that count, of key:ada'),
  )
  among = [...keysOf('ada'), { actor: 'key:bob', since: '2001-01-01T00:00:00.001Z' }]
  await expect(toProduction()).rejects.toMatchObject(missing('has 1 of 2 approvals that count'))
  among = []
  await expect(registry.approve(ada, ref, approved)).rejects.toThrow('no live key is')
  among = keysOf('ada', 'bob')
  expect((await toProduction()).stage).toBe('production')
})

function verdict(gate: string, rules: string): Verdict {
  return { ...VERDICT, gate, gateDigest: digestOf(rules) }
}

test('an approval names the gates that had judged, and dies when they judge by other rules', async () => {
  let standing = [verdict('quality', 'auc >= 0.8'), verdict('fairness', 'disparity < 0.05')]
  await using shelf = await openShelf({
    verdicts: {
      passing: async () => standing[0],
      standing: async () => standing,
      lapsed: async () => [],
    },
  })
  const { registry, store } = shelf
  const ref = await shelf.add('one')
  const named = standing.map(({ gate, gateDigest: digest }) => ({ gate, digest }))
  const { approvals, digest } = await registry.approve(bob, ref, approved)
  expect(approvals).toMatchObject([{ actor: 'key:bob', gates: named }])
  expect((await store.events.latest({ types: ['model.approved'] }))?.data).toMatchObject({
    digest,
    gates: named,
  })
  const decision = () => store.catalog.write((tx) => registry.decision(tx, ctx, ref))

  // The order in which gates judge, and judging again by the same rules, is no change.
  standing = standing.toReversed()
  expect(await decision()).toMatchObject({ actor: 'key:bob' })

  standing = [verdict('quality', 'auc >= 0.7'), verdict('fairness', 'disparity < 0.05')]
  expect(await decision()).toBeUndefined()
  await expect(move(shelf, 1, 'production')).rejects.toMatchObject(
    missing('was approved by key:bob before quality and fairness judged it by its present rules'),
  )
  await registry.approve(ada, ref, approved)
  expect((await move(shelf, 1, 'production')).stage).toBe('production')
  expect((await registry.show(ctx, 'delay', [])).production).toMatchObject({
    approval: { actor: 'key:ada' },
    standing: [{ actor: 'key:ada' }],
  })
})

test('an approval outlives a gate that is no more, and a refusal says whose verdicts count no more', async () => {
  const [quality, fair] = [verdict('quality', 'auc >= 0.8'), verdict('fair', 'disparity < 0.05')]
  const refused = { ...fair, passed: false }
  let standing = [quality, refused]
  let lapsed: Verdict[] = []
  const passing = async () => (standing.every(({ passed }) => passed) ? standing.at(-1) : undefined)
  await using shelf = await openShelf({
    verdicts: { passing, standing: async () => standing, lapsed: async () => lapsed },
  })
  const ref = await shelf.add('one')
  await shelf.registry.approve(bob, ref, approved)
  await expect(move(shelf, 1, 'production')).rejects.toMatchObject({ code: 'GATE_REFUSED' })
  standing = []
  lapsed = [quality, refused]
  await expect(move(shelf, 1, 'production')).rejects.toMatchObject({
    code: 'GATE_REFUSED',
    message: expect.stringContaining(
      "has no passing verdict (quality passed it, which counts no more: the project's code has no such gate now; fair refused it, which",
    ),
    details: { reasons: [], lapsed: [expect.any(String), expect.any(String)] },
  })
  standing = [quality]
  lapsed = [refused]
  expect((await move(shelf, 1, 'production')).stage).toBe('production')
})

test('under four eyes an approval of an own version is refused, and counts for nothing', async () => {
  let fourEyes = false
  await using shelf = await openShelf({ policy: async () => ({ ...GATED, fourEyes }) })
  const { registry } = shelf
  const ref = await shelf.add('one')
  shelf.passed.add(digestOf('one'))
  await registry.approve(ctx, ref, approved)
  fourEyes = true
  await expect(registry.approve(ctx, ref, approved)).rejects.toMatchObject({
    code: 'FORBIDDEN',
    message: `local made ${ref}: somebody else must approve it`,
  })
  await expect(move(shelf, 1, 'production')).rejects.toMatchObject({ code: 'APPROVAL_MISSING' })
  await registry.approve(bob, ref, approved)
  expect((await move(shelf, 1, 'production')).stage).toBe('production')
})

test('a move that the policy forbids is made through no door', async () => {
  await using shelf = await open({
    forbids: [
      { from: 'none', to: 'production' },
      { from: 'none', to: 'staging' },
      { from: 'production', to: 'archived' },
    ],
  })
  const { registry } = shelf
  const [one, two] = [await shelf.add('one'), await shelf.add('two')]
  for (const files of ['one', 'two']) shelf.passed.add(digestOf(files))
  for (const ref of [one, two]) await registry.approve(bob, ref, approved)
  await expect(move(shelf, 1, 'production')).rejects.toMatchObject({
    code: 'CONFLICT',
    message: expect.stringContaining('cannot go to production by the policy of its project'),
    details: { from: 'none', to: 'production', allowed: ['none', 'archived'] },
  })
  await expect(registry.stage(ctx, one, 'staging')).rejects.toMatchObject({
    code: 'CONFLICT',
    details: { allowed: ['archived'] },
  })
  for (const version of [1, 2]) await move(shelf, version, 'archived')
  await move(shelf, 1, 'production')
  await expect(move(shelf, 2, 'production', true)).rejects.toMatchObject({
    code: 'CONFLICT',
    details: { ref: one, from: 'production' },
  })
  expect(await stagesOf(shelf)).toEqual(['2 archived', '1 production'])
})

test('what a release put in production stays until another release takes it out', async () => {
  await using shelf = await openShelf({ policy: async () => UNGOVERNED })
  const [one] = [await shelf.add('one'), await shelf.add('two')]
  const { registry, store, endpoints } = shelf
  await store.catalog.write((tx) => registry.putInProduction(tx, ctx, one))
  expect((await move(shelf, 1, 'archived')).stage).toBe('archived')
  endpoints.push({ endpoint: 'e', model: 'delay', versions: [one] })
  await move(shelf, 1, 'production')
  const CONFLICT = {
    code: 'CONFLICT',
    message: `stage: ${one} is in production; another release takes it out`,
  }
  await expect(move(shelf, 1, 'archived')).rejects.toMatchObject(CONFLICT)
  await expect(move(shelf, 2, 'production', true)).rejects.toMatchObject(CONFLICT)
  expect((await move(shelf, 2, 'production')).stage).toBe('production')
})

test('an alias that serves is a promotion of a gated model, on every door', async () => {
  await using shelf = await open({})
  const { registry } = shelf
  const ref = await shelf.add('one')
  for (const alias of ['production', 'champion', 'Champion'])
    await expect(registry.versions.setAlias(ctx, key(1), alias)).rejects.toMatchObject({
      code: 'APPROVAL_MISSING',
    })
  await expect(registry.setAlias(ctx, ref, 'champion')).rejects.toMatchObject({
    code: 'APPROVAL_MISSING',
  })
  await registry.versions.setAlias(ctx, key(1), 'challenger')
  await registry.approve(bob, ref, approved)
  await expect(registry.versions.setAlias(ctx, key(1), 'champion')).rejects.toMatchObject({
    code: 'GATE_REFUSED',
  })
  shelf.passed.add(digestOf('one'))
  await registry.approve(bob, ref, approved)
  await registry.versions.setAlias(ctx, key(1), 'champion')
  await registry.versions.setAlias(ctx, key(1), 'production')
  expect((await registry.get(ctx, ref)).aliases).toEqual(['challenger', 'champion', 'production'])
})

test('the alias that follows releases is not for hands where an endpoint answers', async () => {
  await using shelf = await openShelf({ policy: async () => UNGOVERNED })
  await shelf.add('one')
  const { versions } = shelf.registry
  await versions.setAlias(ctx, key(1), 'production')
  shelf.endpoints.push({ endpoint: 'e', model: 'delay', versions: [] })
  const CONFLICT = { code: 'CONFLICT', message: expect.stringContaining('follows the releases') }
  await expect(versions.setAlias(ctx, key(1), 'production')).rejects.toMatchObject(CONFLICT)
  await expect(versions.removeAlias(ctx, 'delay', 'production')).rejects.toMatchObject(CONFLICT)
  await versions.setAlias(ctx, key(1), 'champion')
})

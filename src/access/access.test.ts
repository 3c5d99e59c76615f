import { Role } from '@gyre/sdk/wire/key'
import type { Approvers } from '@gyre/sdk/wire/manifest'
import { sql } from 'kysely'
import { expect, onTestFinished, test } from 'vitest'
import { fakeClock } from '../core/clock.ts'
import { toGyreError } from '../core/errors.ts'
import { openTempStore } from '../store/fixture.ts'
import { createAccess } from './access.ts'
import { SCOPES, type Scope } from './scope.ts'

const CTX = { project: 'default', actor: 'local', requestId: 'req_1' }

async function openAccess({ keyless = false } = {}) {
  const clock = fakeClock()
  const store = await openTempStore(clock)
  onTestFinished(() => store[Symbol.asyncDispose]())
  return { ...store, clock, access: createAccess({ ...store, clock, keyless }) }
}

const refused = (code: string, message: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(message) })

test.each([
  [undefined, 'a key is needed'],
  ['', 'expected "Bearer KEY"'],
  ['Bearer', 'expected "Bearer KEY"'],
  ['Bearer a b', 'expected "Bearer KEY"'],
  ['Basic Z3lyZTpneXJl', 'expected "Bearer KEY"'],
  ['Bearer gyre_guess', 'unknown or revoked key'],
  ['Bearer pass.', 'not made by this server'],
  ['Bearer pass.e30.e30', 'not made by this server'],
])('a server that asks for keys refuses %j', async (authorization, message) => {
  const { access } = await openAccess()
  await expect(access.admit(authorization, 'read')).rejects.toEqual(
    refused('UNAUTHENTICATED', message),
  )
})

test('without keys a request is local and may do all, but a wrong key is still wrong', async () => {
  const { access } = await openAccess({ keyless: true })
  expect(await access.admit(undefined, 'admin')).toEqual({
    project: 'default',
    actor: 'local',
    grant: 'admin',
  })
  await expect(access.admit('Bearer gyre_guess', 'read')).rejects.toMatchObject({
    code: 'UNAUTHENTICATED',
  })
})

test('what is public needs no key and makes nobody local', async () => {
  const { access } = await openAccess()
  expect(await access.admit(undefined, 'public')).toMatchObject({ actor: 'anonymous' })
  expect(await access.admit('Bearer nonsense', 'public')).toMatchObject({ actor: 'anonymous' })
})

const MAY: Readonly<Record<Role | 'step', readonly Scope[]>> = {
  viewer: ['public', 'read', 'predict'],
  member: ['public', 'read', 'predict', 'feedback', 'store', 'log', 'write'],
  approver: [
    'public',
    'read',
    'predict',
    'feedback',
    'store',
    'log',
    'write',
    'approve',
    'release',
  ],
  admin: SCOPES,
  step: ['public', 'read', 'store', 'log', 'step'],
}

test.each([...Role.options, 'step'] as const)(
  'a %s may do what its role says and nothing else',
  async (role) => {
    const { access } = await openAccess()
    const secret =
      role === 'step'
        ? access.passForStep('default', 'step:run_1/fit/1', 1000)
        : (await access.createKey(CTX, { name: role, role })).secret
    const answers = await Promise.all(
      SCOPES.map((scope) =>
        access.admit(`Bearer ${secret}`, scope).then(
          () => [scope, 'admitted'],
          (error: unknown) => [scope, toGyreError(error).code],
        ),
      ),
    )
    expect(answers).toEqual(
      SCOPES.map((scope) => [scope, MAY[role].includes(scope) ? 'admitted' : 'FORBIDDEN']),
    )
  },
)

test('a key acts in its own project only, under its own name', async () => {
  const { access } = await openAccess()
  const { secret } = await access.createKey(
    { ...CTX, project: 'other' },
    { name: 'ci', role: 'admin' },
  )
  expect(await access.admit(`bearer  ${secret}`, 'write')).toEqual({
    project: 'other',
    actor: 'key:ci',
    grant: 'admin',
  })
  expect(await access.listKeys(CTX)).toEqual([])
  await expect(access.revokeKey(CTX, 'ci')).rejects.toEqual(refused('NOT_FOUND', 'no live key ci'))
  await access.admit(`Bearer ${secret}`, 'read')
})

test('a key is made, listed and revoked, each with its event; its secret is shown once', async () => {
  const { access, clock, events } = await openAccess()
  const { secret, ...made } = await access.createKey(CTX, { name: 'ci', role: 'member' })
  expect(secret).toMatch(/^gyre_[\w-]{43}$/)
  expect(made).toMatchObject({ name: 'ci', role: 'member', createdBy: 'local', revokedAt: null })
  expect(await access.listKeys(CTX)).toEqual([made])
  expect(await access.countKeys()).toBe(1)
  clock.advance(1000)
  const revoked = await access.revokeKey({ ...CTX, actor: 'key:boss' }, made.id)
  expect(revoked).toEqual({ ...made, revokedAt: '2001-01-01T00:00:01.000Z' })
  expect(await access.listKeys(CTX)).toEqual([revoked])
  expect(await access.countKeys()).toBe(0)
  const told = await events.since(0, 10)
  expect(told.map(({ type, actor, data }) => [type, actor, data])).toEqual([
    ['key.created', 'local', { name: 'ci', role: 'member' }],
    ['key.revoked', 'key:boss', { name: 'ci' }],
  ])
})

test('approvers are live keys, by name, by id, or by a role and those above it', async () => {
  const { access, catalog } = await openAccess()
  const ids = new Map<string, string>()
  for (const [name, role] of [
    ['ada', 'approver'],
    ['bob', 'approver'],
    ['boss', 'admin'],
    ['ci', 'member'],
  ] as const)
    ids.set(name, (await access.createKey(CTX, { name, role })).id)
  await access.createKey({ ...CTX, project: 'other' }, { name: 'carol', role: 'approver' })
  const among = async (asked: Approvers) =>
    (await catalog.write((tx) => access.approvers(CTX, asked, tx))).map(({ name }) => name)
  expect(await among(['carol', 'nobody'])).toEqual([])
  expect(await among(['ada', ids.get('ci') ?? ''])).toEqual(['ada', 'ci'])
  expect(await among('approver')).toEqual(['ada', 'bob', 'boss'])
  await access.revokeKey(CTX, 'ada')
  expect(await among(['ada', ids.get('ada') ?? '', 'bob'])).toEqual(['bob'])
  expect(await among('admin')).toEqual(['boss'])
})

test('a live name is taken; once revoked it may be given again, to another secret', async () => {
  const { access } = await openAccess()
  const first = await access.createKey(CTX, { name: 'ci', role: 'member' })
  await expect(access.createKey(CTX, { name: 'ci', role: 'viewer' })).rejects.toEqual(
    refused('ALREADY_EXISTS', 'name: there is a key ci already'),
  )
  await access.revokeKey(CTX, 'ci')
  const second = await access.createKey(CTX, { name: 'ci', role: 'viewer' })
  expect(second.secret).not.toBe(first.secret)
  await expect(access.admit(`Bearer ${first.secret}`, 'read')).rejects.toMatchObject({
    code: 'UNAUTHENTICATED',
  })
  expect(await access.admit(`Bearer ${second.secret}`, 'read')).toMatchObject({ grant: 'viewer' })
})

test('a revoked key is refused by the next request, though it was just used', async () => {
  const { access } = await openAccess()
  const { secret } = await access.createKey(CTX, { name: 'ci', role: 'admin' })
  await access.admit(`Bearer ${secret}`, 'read')
  await access.revokeKey(CTX, 'ci')
  await expect(access.admit(`Bearer ${secret}`, 'read')).rejects.toMatchObject({
    code: 'UNAUTHENTICATED',
  })
})

test('a key that is revoked while requests look it up does not stay in memory', async () => {
  const { access } = await openAccess()
  for (let i = 0; i < 20; i++) {
    const { secret } = await access.createKey(CTX, { name: 'ci', role: 'admin' })
    const looking = Array.from({ length: 5 }, () => access.admit(`Bearer ${secret}`, 'read'))
    await Promise.allSettled([access.revokeKey(CTX, 'ci'), ...looking])
    await expect(access.admit(`Bearer ${secret}`, 'read')).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    })
  }
})

test('no table holds a secret', async () => {
  const { access, catalog } = await openAccess()
  const { secret } = await access.createKey(CTX, { name: 'ci', role: 'admin' })
  const tables = await catalog.read.introspection.getTables()
  expect(tables.map(({ name }) => name)).toContain('keys')
  for (const { name } of tables) {
    const { rows } = await sql`SELECT * FROM ${sql.table(name)}`.execute(catalog.read)
    expect(JSON.stringify(rows)).not.toContain(secret)
    expect(JSON.stringify(rows)).not.toContain(secret.slice('gyre_'.length))
  }
})

test('a pass names its step and expires', async () => {
  const { access, clock } = await openAccess()
  const pass = access.passForStep('other', 'step:run_1/fit/2', 60_000)
  expect(await access.admit(`Bearer ${pass}`, 'step')).toEqual({
    project: 'other',
    actor: 'step:run_1/fit/2',
    grant: 'step',
  })
  clock.advance(59_999)
  await access.admit(`Bearer ${pass}`, 'step')
  clock.advance(1)
  await expect(access.admit(`Bearer ${pass}`, 'step')).rejects.toEqual(
    refused('UNAUTHENTICATED', 'expired'),
  )
})

test('a pass that was changed in any character is refused', async () => {
  const { access } = await openAccess()
  const pass = access.passForStep('default', 'step:run_1/fit/1', 60_000)
  for (let at = 0; at < pass.length; at++) {
    const other = pass[at] === 'A' ? 'B' : 'A'
    const changed = pass.slice(0, at) + other + pass.slice(at + 1)
    // The last character of 32 bytes in base64 has two bits that mean nothing.
    if (at === pass.length - 1) continue
    await expect(access.admit(`Bearer ${changed}`, 'step')).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    })
  }
  await expect(access.admit(`Bearer ${pass}.more`, 'step')).rejects.toMatchObject({
    code: 'UNAUTHENTICATED',
  })
})

test('a pass of another server, or of this one before its restart, is refused', async () => {
  const { access } = await openAccess()
  const { access: other } = await openAccess()
  const pass = other.passForStep('default', 'step:run_1/fit/1', 60_000)
  await expect(access.admit(`Bearer ${pass}`, 'step')).rejects.toEqual(
    refused('UNAUTHENTICATED', 'not made by this server'),
  )
})

import type { Tree } from '@gyre/sdk/wire/artifact'
import type { ModelVersion } from '@gyre/sdk/wire/model'
import { DigestText } from '@gyre/sdk/wire/ref'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Blobs } from '../store/blobs.ts'
import type { Catalog } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import { moveAlias, removeAlias } from './alias.ts'
import { assertVersionUnrouted, type FindEndpoints } from './endpoint-use.ts'
import type { Verdicts } from './gate-check.ts'
import { assertAliasName, assertModelName, assertNotReserved } from './model-name.ts'
import type { FindPolicy } from './model-policy.ts'
import { searchVersions, type ModelQuery, type VersionPage } from './model-search.ts'
import { assertDescription, assertModelTag, type Tag } from './model-tag.ts'
import { amendModel } from './model-row.ts'
import { findAlias, getByKey, seqOfVersion } from './model-version.ts'
import { assertAliasMovable, assertNotFollowing } from './promotion.ts'
import { getModel, seqOfModel } from './registered-model.ts'
import {
  createVersion,
  type Freeze,
  type SourcedVersion,
  type TellLoggedModel,
} from './sourced-version.ts'
import { transition, type Transition } from './transition.ts'
import { amendVersion, putVersionTag, removeVersionTag } from './version-change.ts'
import { keyOf, modelSubject, type VersionKey } from './version-key.ts'

/** Versions by their number, as MLflow's clients keep them. Every verb but `create` throws NOT_FOUND. */
export interface Versions {
  /**
   * A new version at every call, of the files as they are now. Throws NOT_FOUND for the model, and INVALID_ARGUMENT
   * for any source but one that Gyre would mint.
   */
  create(ctx: Context, version: SourcedVersion): Promise<ModelVersion>
  get(ctx: Context, key: VersionKey): Promise<ModelVersion>
  /** The version an alias points at; `latest` is the newest. Throws INVALID_ARGUMENT where there is no such alias. */
  byAlias(ctx: Context, name: string, alias: string): Promise<ModelVersion>
  describe(ctx: Context, key: VersionKey, description: string | null): Promise<ModelVersion>
  /** Hides a version for good; its number is not given again. Throws CONFLICT while a route names it. */
  remove(ctx: Context, key: VersionKey): Promise<void>
  setTag(ctx: Context, key: VersionKey, tag: Tag): Promise<void>
  /** Nothing happens where there is no such tag. */
  removeTag(ctx: Context, key: VersionKey, tagKey: string): Promise<void>
  /** Throws CONFLICT for a move that the policy forbids, and into production APPROVAL_MISSING and GATE_REFUSED. */
  transition(ctx: Context, key: VersionKey, transition: Transition): Promise<ModelVersion>
  /**
   * Throws CONFLICT for `production` where it follows releases, APPROVAL_MISSING and GATE_REFUSED for an alias that
   * promotes a gated model.
   */
  setAlias(ctx: Context, key: VersionKey, alias: string): Promise<void>
  /** Nothing happens where there is no such alias. Throws CONFLICT for `production` where it follows releases. */
  removeAlias(ctx: Context, name: string, alias: string): Promise<void>
  /** A page of the versions that match. Throws INVALID_ARGUMENT naming the part of the query. */
  search(ctx: Context, query: ModelQuery): Promise<VersionPage>
  /** The files as they were frozen; none for a prompt. */
  files(ctx: Context, key: VersionKey): Promise<Tree>
}

export interface VersionsDeps {
  readonly catalog: Catalog
  readonly events: Events
  readonly clock: Clock
  readonly blobs: Pick<Blobs, 'readTree'>
  readonly verdicts: Verdicts
  readonly policy: FindPolicy
  readonly endpoints: FindEndpoints
  readonly freeze: Freeze
  readonly tellLoggedModel: TellLoggedModel
}

export function createVersions(deps: VersionsDeps): Versions {
  const { catalog, events, clock, blobs, endpoints } = deps
  const nowMs = () => clock.now().getTime()

  async function byAlias(ctx: Context, name: string, alias: string): Promise<ModelVersion> {
    const { latest } = await getModel(catalog.read, ctx, name)
    if (alias.toLowerCase() === 'latest') {
      const newest = latest.toSorted((a, b) => Number(b.version) - Number(a.version))[0]
      if (newest) return newest
      throw new GyreError('NOT_FOUND', `Latest version not found for model ${name}.`, { name })
    }
    const key = await findAlias(catalog.read, ctx, name, alias)
    if (key) return getByKey(catalog.read, ctx, key)
    throw new GyreError('INVALID_ARGUMENT', `Registered model alias ${alias} not found.`, { alias })
  }

  return {
    create: (ctx, version) => createVersion(deps, ctx, version),
    get: (ctx, key) => getByKey(catalog.read, ctx, key),

    async byAlias(ctx, name, alias) {
      assertModelName(name)
      assertAliasName(alias)
      return byAlias(ctx, name, alias)
    },

    async describe(ctx, key, description) {
      assertDescription(description ?? '')
      return catalog.write(async (tx) => {
        await getByKey(tx, ctx, key)
        await amendVersion(tx, ctx, key, { description, updated_ms: nowMs() })
        return getByKey(tx, ctx, key)
      })
    },

    async remove(ctx, key) {
      await catalog.write(async (tx) => {
        const version = await getByKey(tx, ctx, key)
        assertVersionUnrouted(await endpoints(tx, ctx), version.ref)
        for (const alias of version.aliases) await removeAlias(deps, tx, ctx, key.name, alias)
        const updated = { updated_ms: nowMs() }
        await amendVersion(tx, ctx, key, { ...updated, deleted_ms: nowMs() })
        await amendModel(tx, ctx, key.name, updated)
        await events.append(tx, ctx, {
          type: 'model.version-deleted',
          subject: modelSubject(key),
          data: { digest: version.digest, stage: version.stage },
        })
      })
    },

    async setTag(ctx, key, tag) {
      assertModelTag(tag)
      await catalog.write(async (tx) => {
        await putVersionTag(tx, await seqOfVersion(tx, ctx, key), tag)
      })
    },

    async removeTag(ctx, key, tagKey) {
      assertModelTag({ key: tagKey, value: '' })
      await catalog.write(async (tx) => {
        await removeVersionTag(tx, await seqOfVersion(tx, ctx, key), tagKey)
      })
    },

    transition: (ctx, key, asked) => catalog.write((tx) => transition(deps, tx, ctx, key, asked)),

    async setAlias(ctx, key, alias) {
      assertAliasName(alias)
      assertNotReserved(alias)
      await catalog.write(async (tx) => {
        const version = await getByKey(tx, ctx, key)
        await assertAliasMovable(deps, tx, ctx, version, alias)
        await moveAlias(deps, tx, ctx, alias, keyOf(version))
      })
    },

    async removeAlias(ctx, name, alias) {
      assertAliasName(alias)
      await catalog.write(async (tx) => {
        await seqOfModel(tx, ctx, name)
        await assertNotFollowing(deps, tx, ctx, name, alias)
        await removeAlias(deps, tx, ctx, name, alias)
      })
    },

    search: (ctx, query) => searchVersions(catalog.read, ctx, query),

    async files(ctx, key) {
      const { digest } = await getByKey(catalog.read, ctx, key)
      return digest === '' ? { entries: [] } : blobs.readTree(DigestText.parse(digest))
    },
  }
}

import type { AliasMove, RegisteredModel } from '@gyre/sdk/wire/model'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Catalog, Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import { aliasMoves } from './alias.ts'
import { assertModelUnrouted, isBehindEndpoint, type FindEndpoints } from './endpoint-use.ts'
import { assertModelName } from './model-name.ts'
import type { FindPolicy } from './model-policy.ts'
import { isNamedByRuns, renameRefs } from './model-refs.ts'
import { searchModels, type ModelPage, type ModelQuery } from './model-search.ts'
import { assertDescription, assertModelTag, toTags, type Tag } from './model-tag.ts'
import {
  amendModel,
  assertUnused,
  buryModel,
  eraseModel,
  putModel,
  putModelTag,
  removeModelTag,
  touchVersions,
} from './model-row.ts'
import { findModel, getModel, seqOfModel } from './registered-model.ts'

export interface NewModel {
  readonly name: string
  readonly description?: string
  readonly tags?: readonly Tag[]
}

/** Registered models: what their versions have in common. Every verb throws INVALID_ARGUMENT for what is no name. */
export interface Models {
  /** Throws ALREADY_EXISTS. */
  create(ctx: Context, model: NewModel): Promise<RegisteredModel>
  /** Throws NOT_FOUND, as do the verbs below. */
  get(ctx: Context, name: string): Promise<RegisteredModel>
  describe(ctx: Context, name: string, description: string): Promise<RegisteredModel>
  /**
   * Gives a model, its versions and every run's reference to them another name, in one unit. Throws CONFLICT while
   * an endpoint is declared for it or the project's code gates either name, ALREADY_EXISTS.
   */
  rename(ctx: Context, name: string, to: string): Promise<RegisteredModel>
  /**
   * Deletes a model with its versions. Their numbers are given again only where nothing names them any more: no
   * run and no endpoint. Throws CONFLICT while a route names one of them.
   */
  remove(ctx: Context, name: string): Promise<void>
  setTag(ctx: Context, name: string, tag: Tag): Promise<void>
  /** Nothing happens where there is no such tag. */
  removeTag(ctx: Context, name: string, key: string): Promise<void>
  /** A page of the models that match. Throws INVALID_ARGUMENT naming the part of the query. */
  search(ctx: Context, query: ModelQuery): Promise<ModelPage>
  /** Where its aliases have pointed, oldest first; one of them when given. */
  aliasHistory(ctx: Context, name: string, alias?: string): Promise<readonly AliasMove[]>
}

export interface ModelsDeps {
  readonly catalog: Catalog
  readonly events: Events
  readonly clock: Clock
  readonly policy: FindPolicy
  readonly endpoints: FindEndpoints
}

export function createModels(deps: ModelsDeps): Models {
  const { catalog, events, clock, policy, endpoints } = deps
  const nowMs = () => clock.now().getTime()

  /** Throws CONFLICT where a rename would slip a model past its gates, or from under its endpoint. */
  async function assertRenamable(tx: Tx, ctx: Context, name: string, to: string): Promise<void> {
    for (const one of [name, to])
      if ((await policy(tx, ctx, one)).gated)
        throw new GyreError('CONFLICT', `${one} is a name in the project's code: it stays`, {
          name: one,
        })
    const uses = await endpoints(tx, ctx)
    assertModelUnrouted(uses, name)
    if (isBehindEndpoint(uses, name))
      throw new GyreError('CONFLICT', `an endpoint is declared for ${name}: the name stays`, {
        name,
      })
  }

  const tell = (tx: Tx, ctx: Context, type: string, name: string, data: Record<string, string>) =>
    events.append(tx, ctx, { type, subject: { kind: 'model', id: encodeURIComponent(name) }, data })

  return {
    async create(ctx, { name, description = '', tags = [] }) {
      assertModelName(name)
      assertDescription(description)
      const kept = toTags(tags)
      return catalog.write(async (tx) => {
        if (await findModel(tx, ctx, name))
          throw new GyreError('ALREADY_EXISTS', `Registered Model (name=${name}) already exists.`, {
            name,
          })
        await putModel(tx, ctx, { name, description, atMs: nowMs() })
        const model = await seqOfModel(tx, ctx, name)
        for (const tag of kept) await putModelTag(tx, model, tag)
        await tell(tx, ctx, 'model.created', name, {})
        return getModel(tx, ctx, name)
      })
    },

    async get(ctx, name) {
      assertModelName(name)
      return getModel(catalog.read, ctx, name)
    },

    async describe(ctx, name, description) {
      assertModelName(name)
      assertDescription(description)
      return catalog.write(async (tx) => {
        await seqOfModel(tx, ctx, name)
        await amendModel(tx, ctx, name, { description, updated_ms: nowMs() })
        return getModel(tx, ctx, name)
      })
    },

    async rename(ctx, name, to) {
      assertModelName(to, 'new_name')
      return catalog.write(async (tx) => {
        await seqOfModel(tx, ctx, name)
        if (to !== name) {
          await assertRenamable(tx, ctx, name, to)
          await assertUnused(tx, ctx, to)
        }
        await amendModel(tx, ctx, name, { name: to, updated_ms: nowMs() })
        await touchVersions(tx, ctx, to, nowMs())
        await renameRefs(tx, ctx, name, to)
        if (to !== name) await tell(tx, ctx, 'model.renamed', to, { from: name, to })
        return getModel(tx, ctx, to)
      })
    },

    async remove(ctx, name) {
      assertModelName(name)
      await catalog.write(async (tx) => {
        await seqOfModel(tx, ctx, name)
        const uses = await endpoints(tx, ctx)
        assertModelUnrouted(uses, name)
        const isNamed = isBehindEndpoint(uses, name) || (await isNamedByRuns(tx, ctx, name))
        await (isNamed ? buryModel(tx, ctx, name, nowMs()) : eraseModel(tx, ctx, name))
        await tell(tx, ctx, 'model.deleted', name, {})
      })
    },

    async setTag(ctx, name, tag) {
      assertModelName(name)
      assertModelTag(tag)
      await catalog.write(async (tx) => {
        await putModelTag(tx, await seqOfModel(tx, ctx, name), tag)
      })
    },

    async removeTag(ctx, name, key) {
      assertModelName(name)
      assertModelTag({ key, value: '' })
      await catalog.write(async (tx) => {
        await removeModelTag(tx, await seqOfModel(tx, ctx, name), key)
      })
    },

    search: (ctx, query) => searchModels(catalog.read, ctx, query),

    async aliasHistory(ctx, name, alias) {
      await seqOfModel(catalog.read, ctx, name)
      return aliasMoves(catalog.read, ctx, name, alias)
    },
  }
}

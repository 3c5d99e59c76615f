import type { GyreClient } from '@gyre/sdk/client'
import {
  ImportedLoggedModels,
  ImportLoggedModels,
  type ImportedLoggedModel,
  type ImportLoggedModel,
} from '@gyre/sdk/wire/import'
import { z } from 'zod'
import { bytesOfJson, chunksOf, inLots, LOT_BYTES } from './lots.ts'
import { sendFiles } from './send-files.ts'
import { settle, settleAll } from './settle.ts'
import type { Source, SourceLoggedModel } from './source.ts'
import type { Tally } from './tally.ts'

/** Sends logged models with all that belongs to them. */
export async function sendLoggedModels(
  client: GyreClient,
  tally: Tally,
  source: Source,
): Promise<void> {
  for await (const lot of inLots(source.loggedModels(), ({ model }) => bytesOfJson(model))) {
    const replies = await sendLot(client, lot)
    for (const [i, { model, files }] of lot.entries())
      if (putDown(tally, model, replies[i]))
        await sendFiles(client, tally, { kind: 'logged-model', id: model.id }, files())
      else
        for await (const _ of files()) {
          tally.find('files')
          tally.drop('files', 1)
        }
  }
}

async function sendLot(
  client: GyreClient,
  lot: readonly SourceLoggedModel[],
): Promise<readonly (ImportedLoggedModel | undefined)[]> {
  const [only] = lot
  if (lot.length > 1 || !only) return post(client, lot.map(({ model }) => model)) // prettier-ignore
  let whole: ImportedLoggedModel | undefined
  for (const slice of slicesOf(only.model)) {
    const [reply] = await post(client, [slice])
    if (!reply || typeof reply.outcome === 'object') return [reply]
    whole = {
      outcome: whole?.outcome ?? reply.outcome,
      params: [...(whole?.params ?? []), ...reply.params],
      tags: [...(whole?.tags ?? []), ...reply.tags],
      metrics: [...(whole?.metrics ?? []), ...reply.metrics],
    }
  }
  return [whole]
}

async function post(
  client: GyreClient,
  models: ImportLoggedModel[],
): Promise<readonly ImportedLoggedModel[]> {
  const body = z.encode(ImportLoggedModels, { models })
  return (await client.post('/api/v1/import/logged-models', body, ImportedLoggedModels)).models
}

/** The model again and again, each time with other parts, in their order. */
function* slicesOf(model: ImportLoggedModel): Generator<ImportLoggedModel> {
  if (bytesOfJson(model) <= LOT_BYTES) return yield model
  const head = { ...model, params: [], tags: [], metrics: [] }
  for (const params of chunksOf(model.params)) yield { ...head, params }
  for (const tags of chunksOf(model.tags)) yield { ...head, tags }
  for (const metrics of chunksOf(model.metrics)) yield { ...head, metrics }
}

const KINDS = {
  params: 'logged model params',
  tags: 'logged model tags',
  metrics: 'logged model metrics',
} as const

/** Puts down that a logged model was found, with its parts. */
export function countLoggedModel(tally: Tally, model: ImportLoggedModel): void {
  tally.find('logged models')
  for (const part of ['params', 'tags', 'metrics'] as const)
    tally.find(KINDS[part], model[part].length)
}

function putDown(
  tally: Tally,
  model: ImportLoggedModel,
  reply: ImportedLoggedModel | undefined,
): boolean {
  countLoggedModel(tally, model)
  const isHere = settle(tally, 'logged models', model.id, reply?.outcome)
  for (const part of ['params', 'tags', 'metrics'] as const) {
    const labels: readonly { readonly key: string }[] = model[part]
    const whatOf = ({ key }: { readonly key: string }) => `${key} of ${model.id}`
    if (isHere) settleAll(tally, KINDS[part], labels, reply?.[part] ?? [], whatOf)
    else tally.drop(KINDS[part], labels.length)
  }
  return isHere
}

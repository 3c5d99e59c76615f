import { RequestError, type GyreClient } from '@gyre/sdk/client'
import {
  ImportedAliases,
  ImportedExperiments,
  ImportedModels,
  ImportedModelVersions,
  ImportedStages,
  type ImportAlias,
  type ImportedTagged,
  type ImportExperiment,
  type ImportModel,
  type ImportModelVersion,
  type ImportOutcome,
  type ImportStage,
} from '@gyre/sdk/wire/import'
import { inLots } from './lots.ts'
import { countLoggedModel, sendLoggedModels } from './send-logged-models.ts'
import { countRun, sendRuns } from './send-runs.ts'
import { countTrace, sendTraces } from './send-traces.ts'
import { settle, settleAll } from './settle.ts'
import type { Label } from '../../tracking/tracked-run.ts'
import type { Source } from './source.ts'
import type { Tally } from './tally.ts'

/** Sends everything that a source has to a server. What is refused is put down, and the rest goes on. */
export async function deliver(client: GyreClient, tally: Tally, source: Source): Promise<void> {
  const numbers = new Map<string, number>()
  await send(tally, EXPERIMENTS, source.experiments(), async (experiments) => {
    const path = '/api/v1/import/experiments'
    const replies = (await client.post(path, { experiments }, ImportedExperiments)).experiments
    for (const [i, { number }] of replies.entries())
      if (number !== null) numbers.set(experiments[i]?.name ?? '', number)
    return replies
  })
  await sendRuns(client, tally, source)
  await sendTraces(client, tally, source)
  await sendLoggedModels(client, tally, source)
  await send(tally, MODELS, source.models(), async (given) => {
    const path = '/api/v1/import/models'
    const models = given.map((model) => renumbered(model, source.numbered, numbers))
    return (await client.post(path, { models }, ImportedModels)).models
  })
  await send(tally, VERSIONS, source.versions(), async (versions) => {
    const path = '/api/v1/import/model-versions'
    return (await client.post(path, { versions }, ImportedModelVersions)).versions
  })
  await send(tally, ALIASES, source.aliases(), async (aliases) => {
    const path = '/api/v1/import/aliases'
    return (await client.post(path, { aliases }, ImportedAliases)).aliases.map(untagged)
  })
  await send(tally, STAGES, source.stages(), async (stages) => {
    const path = '/api/v1/import/stages'
    return (await client.post(path, { stages }, ImportedStages)).stages.map(untagged)
  })
}

/** Where MLflow keeps the numbers of the experiments that show a prompt. */
const SHOWN_IN = '_mlflow_experiment_ids'

/** A model that is shown in the same experiments, which have other numbers here. */
function renumbered(
  model: ImportModel,
  names: ReadonlyMap<string, string>,
  numbers: ReadonlyMap<string, number>,
): ImportModel {
  const here = (former: string) => numbers.get(names.get(former) ?? '') ?? former
  const tags = model.tags.map(
    ({ key, value }) =>
    key === SHOWN_IN ? { key, value: value.replaceAll(/\d+/g, (one) => String(here(one))) } : { key, value }, // prettier-ignore
  )
  return { ...model, tags }
}

/** Counts everything that a source has, and what of it cannot be read. */
export async function survey(tally: Tally, source: Source): Promise<void> {
  for await (const one of source.experiments()) count(tally, EXPERIMENTS, one)
  for await (const { run, points, files } of source.runs()) {
    countRun(tally, run)
    for await (const _ of points()) tally.find('points')
    for await (const _ of files()) tally.find('files')
  }
  for await (const { trace, files } of source.traces()) {
    countTrace(tally, trace)
    for await (const _ of files()) tally.find('files')
  }
  for await (const { model, files } of source.loggedModels()) {
    countLoggedModel(tally, model)
    for await (const _ of files()) tally.find('files')
  }
  for await (const one of source.models()) count(tally, MODELS, one)
  for await (const one of source.versions()) count(tally, VERSIONS, one)
  for await (const one of source.aliases()) count(tally, ALIASES, one)
  for await (const one of source.stages()) count(tally, STAGES, one)
}

/** What the report calls things, and their tags. */
interface Kind<T> {
  readonly name: string
  readonly tags: string
  whatOf(item: T): string
  tagsOf(item: T): readonly Label[]
}

const EXPERIMENTS: Kind<ImportExperiment> = {
  name: 'experiments',
  tags: 'experiment tags',
  whatOf: ({ name }) => name,
  tagsOf: ({ tags }) => tags,
}

const MODELS: Kind<ImportModel> = {
  name: 'registered models',
  tags: 'registered model tags',
  whatOf: ({ name }) => name,
  tagsOf: ({ tags }) => tags,
}

const VERSIONS: Kind<ImportModelVersion> = {
  name: 'model versions',
  tags: 'model version tags',
  whatOf: ({ name, version }) => `${name}@${version}`,
  tagsOf: ({ tags }) => tags,
}

const ALIASES: Kind<ImportAlias> = {
  name: 'aliases',
  tags: '',
  whatOf: ({ name, alias }) => `${name}@${alias}`,
  tagsOf: () => [],
}

const STAGES: Kind<ImportStage> = {
  name: 'stages',
  tags: '',
  whatOf: ({ name, version }) => `${name}@${version}`,
  tagsOf: () => [],
}

async function send<T>(
  tally: Tally,
  kind: Kind<T>,
  items: AsyncIterable<T>,
  post: (lot: readonly T[]) => Promise<readonly ImportedTagged[]>,
): Promise<void> {
  for await (const lot of inLots(items)) {
    const replies = await post(lot).catch((thrown: unknown) => refuseAll(lot, thrown))
    for (const [i, item] of lot.entries()) {
      const [what, tags, reply] = [kind.whatOf(item), kind.tagsOf(item), replies[i]]
      count(tally, kind, item)
      if (settle(tally, kind.name, what, reply?.outcome))
        settleAll(tally, kind.tags, tags, reply?.tags ?? [], ({ key }) => `${key} of ${what}`)
      else tally.drop(kind.tags, tags.length)
    }
  }
}

function count<T>(tally: Tally, kind: Kind<T>, item: T): void {
  tally.find(kind.name)
  tally.find(kind.tags, kind.tagsOf(item).length)
}

function untagged(outcome: ImportOutcome): ImportedTagged {
  return { outcome, tags: [] }
}

/** A lot that the server would not take at all: for want of a permission, or of the module, or for its size. */
function refuseAll(lot: readonly unknown[], thrown: unknown): readonly ImportedTagged[] {
  if (!(thrown instanceof RequestError) || ![403, 404, 413].includes(thrown.status)) throw thrown
  return lot.map(() => untagged({ refused: thrown.message }))
}

import type { ImportOutcome, ImportRun } from '@gyre/sdk/wire/import'
import type { Tx } from '../store/catalog.ts'
import { addDatasets, datasetsOf, type DatasetInput } from './dataset-input.ts'
import { brief, labelFault } from '../core/import-outcome.ts'
import { modelUsesOf, putModelUses } from './model-use.ts'

type Dataset = ImportRun['datasets'][number]

/** Says which datasets a run used; `run` is its seq. One that is here must say the same. */
export async function importDatasets(
  tx: Tx,
  run: number,
  datasets: readonly Dataset[],
): Promise<ImportOutcome[]> {
  const outcomes: ImportOutcome[] = []
  for (const dataset of datasets) outcomes.push(await importDataset(tx, run, toInput(dataset)))
  return outcomes
}

async function importDataset(tx: Tx, run: number, input: DatasetInput): Promise<ImportOutcome> {
  const { dataset, tags } = input
  const fault = tags
    .map((tag) => labelFault(tag) && `its tag ${tag.key}: ${labelFault(tag)}`)
    .find(Boolean)
  if (fault) return { refused: fault }
  const before = await find(tx, run, dataset)
  if (!before) await addDatasets(tx, run, [input])
  const here = before ?? (await find(tx, run, dataset))
  for (const member of ['sourceType', 'source', 'schema', 'profile'] as const)
    if (here && here.dataset[member] !== dataset[member])
      return { refused: `its ${member} is ${brief(here.dataset[member] ?? 'none')} here` }
  const tagged = new Map(here?.tags.map(({ key, value }) => [key, value]))
  const other = tags.find(({ key, value }) => tagged.get(key) !== value)
  if (other)
    return { refused: `its tag ${other.key} is ${brief(tagged.get(other.key) ?? '')} here` }
  return before ? 'there' : 'imported'
}

async function find(tx: Tx, run: number, { name, digest }: DatasetInput['dataset']) {
  const inputs = (await datasetsOf(tx, [run])).get(run) ?? []
  return inputs.find(({ dataset }) => dataset.name === name && dataset.digest === digest)
}

function toInput({ tags, schema, profile, ...dataset }: Dataset): DatasetInput {
  return {
    dataset: { ...dataset, schema: schema ?? undefined, profile: profile ?? undefined },
    tags,
  }
}

/** Says which logged models a run used and made; `run` is its seq. */
export async function importModelUses(
  tx: Tx,
  run: number,
  uses: ImportRun['models'],
): Promise<ImportOutcome[]> {
  const { inputs = [], outputs = [] } = (await modelUsesOf(tx, [run])).get(run) ?? {}
  const here = { input: inputs, output: outputs }
  const outcomes: ImportOutcome[] = []
  for (const { direction, model, step } of uses) {
    const isThere = here[direction].some((use) => use.model === model)
    if (!isThere) await putModelUses(tx, run, direction, [{ model, step }])
    outcomes.push(isThere ? 'there' : 'imported')
  }
  return outcomes
}

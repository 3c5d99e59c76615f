import type { RunRef } from '@gyre/sdk/wire/run'
import { sql } from 'kysely'
import { z } from 'zod'
import { groupBy } from '../core/group.ts'
import { formatRef } from '../core/ref.ts'
import { among } from '../store/among.ts'
import type { Tx } from '../store/catalog.ts'
import { addRefs } from '../store/run-refs.ts'
import type { DatasetName } from './logged-model.ts'
import type { Label } from './tracked-run.ts'

/** A dataset as a client describes it. */
export interface TrackedDataset extends DatasetName {
  readonly sourceType: string
  readonly source: string
  readonly schema: string | undefined
  readonly profile: string | undefined
}

/** A dataset that a run used, and what it says of that use. */
export interface DatasetInput {
  readonly dataset: TrackedDataset
  readonly tags: readonly Label[]
}

/** The datasets of each run by `runs.seq`, in the order they were named. One query. */
export async function datasetsOf(
  db: Tx,
  runs: readonly number[],
): Promise<ReadonlyMap<number, readonly DatasetInput[]>> {
  if (runs.length === 0) return new Map()
  const rows = await db
    .selectFrom('run_datasets')
    .innerJoin('tracked_datasets', 'tracked_datasets.seq', 'run_datasets.dataset')
    .select(['run', 'tracked_datasets.name', 'tracked_datasets.digest'])
    .select(['source_type', 'source', 'schema', 'profile', 'tags'])
    .where('run', 'in', among(runs))
    .orderBy('run')
    .orderBy('position')
    .execute()
  const inputs = rows.map(({ run, name, digest, source_type, source, schema, profile, tags }) => ({
    run,
    input: {
      dataset: {
        name,
        digest,
        sourceType: source_type,
        source,
        schema: schema ?? undefined,
        profile: profile ?? undefined,
      },
      tags: Tags.parse(JSON.parse(tags)),
    },
  }))
  const groups = groupBy(inputs, ({ run }) => run)
  return new Map([...groups].map(([run, all]) => [run, all.map(({ input }) => input)]))
}

const Tags = z.array(z.strictObject({ key: z.string(), value: z.string() }))

/** The tag that says what a run used a dataset for. */
const CONTEXT_TAG = 'mlflow.data.context'

/**
 * Adds those that the run has not named, to its lineage too; a dataset that its experiment knows already stays as it
 * is known.
 */
export async function addDatasets(
  tx: Tx,
  run: number,
  inputs: readonly DatasetInput[],
): Promise<void> {
  for (const { dataset, tags } of inputs) {
    const seq = await datasetSeq(tx, run, dataset)
    const { name, digest } = dataset
    await tx
      .insertInto('run_datasets')
      .values({
        run,
        position: sql<number>`(SELECT count(*) FROM run_datasets WHERE run = ${run})`,
        dataset: seq,
        name,
        digest,
        context: contextOf(tags) ?? null,
        tags: JSON.stringify(tags.map(({ key, value }) => ({ key, value }))),
      })
      .onConflict((conflict) => conflict.columns(['dataset', 'run']).doNothing())
      .execute()
  }
  const { id } = await tx
    .selectFrom('runs')
    .select('id')
    .where('seq', '=', run)
    .executeTakeFirstOrThrow()
  await addRefs(tx, id, 'input', inputs.flatMap(refOf))
}

/** As lineage names it: the digest that its client gave stands where a version of Gyre's own has its number. */
function refOf({ dataset: { name, digest }, tags }: DatasetInput): readonly RunRef[] {
  if (name === '' || digest === '') return []
  const version = digest.toWellFormed()
  const ref = formatRef({ kind: 'dataset', name: name.toWellFormed(), version })
  return [{ ref, role: contextOf(tags) ?? '' }]
}

function contextOf(tags: readonly Label[]): string | undefined {
  return tags.find(({ key }) => key === CONTEXT_TAG)?.value
}

async function datasetSeq(tx: Tx, run: number, dataset: TrackedDataset): Promise<number> {
  const { name, digest, sourceType, source, schema = null, profile = null } = dataset
  const { project, experiment } = await tx
    .selectFrom('runs')
    .select(['project', 'experiment'])
    .where('seq', '=', run)
    .executeTakeFirstOrThrow()
  const key = { project, experiment: experiment ?? 0, name, digest }
  await tx
    .insertInto('tracked_datasets')
    .values({ ...key, source_type: sourceType, source, schema, profile })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  const { seq } = await tx
    .selectFrom('tracked_datasets')
    .select('seq')
    .where('project', '=', project)
    .where('experiment', '=', key.experiment)
    .where('name', '=', name)
    .where('digest', '=', digest)
    .executeTakeFirstOrThrow()
  return seq
}

import { readFileSync } from 'node:fs'
import type { ImportRun } from '@gyre/sdk/wire/import'
import type { RunPoint } from '../../store/run-metrics.ts'
import type { Source, SourceFile, SourceLoggedModel, SourceTrace } from './source.ts'

export interface ReadRun {
  readonly run: ImportRun
  readonly points: readonly RunPoint[]
  readonly files: readonly SourceFile[]
}

/** All that a source has, in its order. */
export interface ReadSource {
  readonly experiments: readonly Item<'experiments'>[]
  readonly runs: readonly ReadRun[]
  readonly traces: readonly (Pick<SourceTrace, 'trace'> & {
    readonly files: readonly SourceFile[]
  })[]
  readonly loggedModels: readonly (Pick<SourceLoggedModel, 'model'> & {
    readonly files: readonly SourceFile[]
  })[]
  readonly models: readonly Item<'models'>[]
  readonly versions: readonly Item<'versions'>[]
  readonly aliases: readonly Item<'aliases'>[]
  readonly stages: readonly Item<'stages'>[]
}

type Kind = 'experiments' | 'models' | 'versions' | 'aliases' | 'stages'
type Item<K extends Kind> = ReturnType<Source[K]> extends AsyncIterable<infer T> ? T : never

export async function readAll(source: Source): Promise<ReadSource> {
  const experiments = await collect(source.experiments())
  const runs: ReadRun[] = []
  for await (const { run, points, files } of source.runs())
    runs.push({
      run,
      points: await collect(points()),
      files: await collect(files()),
    })
  const traces = []
  for await (const { trace, files } of source.traces())
    traces.push({ trace, files: await collect(files()) })
  const loggedModels = []
  for await (const { model, files } of source.loggedModels())
    loggedModels.push({ model, files: await collect(files()) })
  const models = await collect(source.models())
  const versions = await collect(source.versions())
  const aliases = await collect(source.aliases())
  const stages = await collect(source.stages())
  source.close()
  return { experiments, runs, traces, loggedModels, models, versions, aliases, stages }
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

/** What the real client read of a source that it wrote. */
export function expected(name: string): unknown {
  return JSON.parse(readFileSync(`test/fixtures/import/${name}.expected.json`, 'utf8'))
}

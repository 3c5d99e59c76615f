import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DigestText } from '@gyre/sdk/wire/ref'
import type { ModelVersion, Prepared } from '@gyre/sdk/wire/model'
import type { TreeEntry } from '@gyre/sdk/wire/artifact'
import type { Context } from '../core/context.ts'
import type { Digest } from '../core/digest.ts'
import { GyreError, toGyreError } from '../core/errors.ts'
import {
  MAX_ML_MODEL_BYTES,
  ML_MODEL_FILE,
  readMlModel,
  type MlModel,
} from '../core/formats/mlmodel.ts'
import type { Log } from '../core/log.ts'
import type { Registry } from '../registry/registry.ts'
import type { Blobs } from '../store/blobs.ts'
import type { Catalog } from '../store/catalog.ts'
import type { Runs } from '../store/runs.ts'
import { conversionPlan, type ConversionPlan } from './conversion-plan.ts'
import { converterDigest, convertModel, type Converted, type ConverterPython } from './converter.ts'
import { storeConverted } from './converted-files.ts'

export interface ConvertDeps {
  readonly catalog: Catalog
  readonly blobs: Blobs
  readonly runs: Runs
  readonly registry: Pick<Registry, 'get' | 'register'>
  /** A local folder with the files of a tree. */
  readonly unpack: (digest: Digest) => Promise<string>
  /** The interpreter for a file of pinned packages. Throws STEP_FAILED. */
  readonly python: (requirements: string) => Promise<ConverterPython>
  /** Where conversions work. */
  readonly folder: string
  /** Whether a file may be opened that runs whatever code it holds. */
  readonly allowPickle: boolean
  readonly log: Log
}

/** Makes versions that MLflow's clients registered into such as can be served. */
export interface Convert {
  /**
   * What answers for a version: itself where it is a graph, else a version that is made of it, by a run of kind
   * `convert`. Asked again it gives the same. Throws NOT_FOUND, INVALID_INPUT for files that are no model, and FORBIDDEN
   * for a pickle where none may be opened.
   */
  prepare(ctx: Context, ref: string): Promise<Prepared>
  /** Ends what is under way. */
  close(): Promise<void>
}

const SERVES = 'gyre.serves'

/** A model of MLflow's, as it lies in the store. */
interface Described {
  readonly version: ModelVersion
  readonly mlModel: MlModel
  readonly entries: readonly TreeEntry[]
}

export function createConvert(deps: ConvertDeps): Convert {
  const { catalog, blobs, runs, registry, log } = deps
  const stopping = new AbortController()
  const underWay = new Set<Promise<void>>()

  async function describe(version: ModelVersion): Promise<Described | undefined> {
    const { entries } = await blobs.readTree(DigestText.parse(version.digest))
    const file = entries.find(({ path }) => path === ML_MODEL_FILE)?.artifact
    if (!file) return undefined
    const text = (await blobs.read(file.digest, MAX_ML_MODEL_BYTES)).toString('utf8')
    return { version, entries, mlModel: readMlModel(text) }
  }

  async function known(ctx: Context, ref: string, converter: string) {
    const made = (await runs.consumersOf(ctx, ref)).filter(
      ({ kind, params }) => kind === 'convert' && params['converter'] === converter,
    )
    return made.findLast(({ status }) => status === 'running' || status === 'succeeded')
  }

  async function work(ctx: Context, id: string, plan: ConversionPlan, of: Described) {
    await mkdir(deps.folder, { recursive: true })
    const folder = await mkdtemp(join(deps.folder, 'convert-'))
    try {
      const model = await deps.unpack(DigestText.parse(of.version.digest))
      const converted = await convertModel(
        { ...deps, signal: stopping.signal },
        { plan, model, folder },
      )
      await keep(ctx, id, of, converted)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }

  async function keep(ctx: Context, id: string, of: Described, converted: Converted) {
    const { version } = of
    const { parity } = converted
    const digest = await storeConverted(blobs, of, converted)
    const metrics = { onnx_parity: parity.absolute, onnx_parity_relative: parity.relative }
    const tags = {
      'gyre.converted_from': version.ref,
      'gyre.parity.rows': String(parity.rows),
      'gyre.parity.rows_from': parity.from,
    }
    await runs.addEnvironment(ctx, id, converted.facts)
    await catalog.write(async (tx) => {
      const { name } = version
      const made = await registry.register(ctx, { name, digest, metrics, tags, runId: id }, tx)
      const points = Object.entries(metrics).map(([key, value]) => ({ key, value }))
      await runs.logMetrics(ctx, id, points, tx)
      await runs.setTags(ctx, id, { ...tags, [SERVES]: made.ref }, tx)
      const output = { role: 'model', ref: made.ref, digest }
      await runs.finish(ctx, id, { status: 'succeeded', outputs: [output] }, tx)
    })
  }

  /** Its own Python answers for a model that has no graph. */
  async function answerByPython(ctx: Context, id: string, { version }: Described, why: string) {
    const tags = { [SERVES]: version.ref, 'gyre.runtime': 'python', 'gyre.not_converted': why }
    await runs.setTags(ctx, id, tags)
    await runs.finish(ctx, id, { status: 'succeeded' })
  }

  async function toItsEnd(ctx: Context, id: string, plan: ConversionPlan, of: Described) {
    try {
      await work(ctx, id, plan, of)
    } catch (thrown) {
      const { code, message } = toGyreError(thrown)
      if (code === 'STEP_FAILED' && deps.allowPickle && hasPython(of) && !stopping.signal.aborted)
        return answerByPython(ctx, id, of, message)
      log.warn({ err: thrown, run: id, model: of.version.ref }, 'a model was not converted')
      await runs
        .finish(ctx, id, { status: 'failed', error: { code, message } })
        .catch((error: unknown) => log.error({ err: error, run: id }, 'a run was not ended'))
    }
  }

  return {
    async prepare(ctx, ref) {
      const version = await registry.get(ctx, ref)
      const of = await describe(version)
      if (!of || of.mlModel.flavors['onnx']) return { serves: version.ref, run: null }
      const plan = conversionPlan(of.mlModel, of.entries)
      if (!plan && hasPython(of) && deps.allowPickle) return { serves: version.ref, run: null }
      if (!plan) throw notServed(of)
      if (plan.format === 'pickle' && !deps.allowPickle) throw isPickle(of, plan)
      const converter = await converterDigest(plan.library)
      const before = await known(ctx, version.ref, converter)
      const serves = before?.tags[SERVES]
      if (serves !== undefined) return { serves, run: before?.id ?? null }
      if (before) return { serves: null, run: before.id }
      const { id } = await runs.start(ctx, {
        kind: 'convert',
        name: version.name,
        params: { converter, library: plan.library, version: plan.version, format: plan.format },
        inputs: [{ role: 'model', ref: version.ref, digest: version.digest }],
        endsWithServer: true,
      })
      const end = toItsEnd(ctx, id, plan, of).finally(() => underWay.delete(end))
      underWay.add(end)
      return { serves: null, run: id }
    },

    async close() {
      stopping.abort()
      await Promise.all(underWay)
    },
  }
}

/** Whether it can be asked by `mlflow.pyfunc`, in an environment of its own requirements. */
function hasPython({ mlModel, entries }: Described): boolean {
  return (
    mlModel.flavors['python_function'] !== undefined &&
    entries.some(({ path }) => path === 'requirements.txt')
  )
}

function isPickle({ version }: Described, { file }: ConversionPlan): GyreError {
  return new GyreError(
    'FORBIDDEN',
    `allowPickle: ${file} of ${version.ref} is a pickle, which runs whatever code it holds; start Gyre with --allow-pickle where you trust who made it`,
    { field: 'allowPickle', file },
  )
}

function notServed({ version, mlModel }: Described): GyreError {
  const flavors = Object.keys(mlModel.flavors).join(', ') || 'none'
  return new GyreError(
    'INVALID_INPUT',
    `flavors: ${version.ref} has ${flavors}; Gyre serves onnx, converts sklearn, xgboost and lightgbm, and asks a python_function with requirements.txt where it was started with --allow-pickle`,
    { field: 'flavors' },
  )
}

import { z } from 'zod'
import { GyreError } from '../core/errors.ts'
import type { Model } from './model.ts'
import { TreeJson, treeFromJson, treeToJson } from './tree-json.ts'

/** Raised when the form changes so that an older reader would misread it. */
const FORMAT = 1

const Names = z.array(z.string().min(1)).min(1)

const GbdtJson = z
  .strictObject({
    format: z.literal(FORMAT),
    kind: z.literal('gbdt'),
    names: Names,
    prior: z.number(),
    trees: z.array(TreeJson),
  })
  .refine(
    ({ names, trees }) => trees.every((tree) => tree.features.every((f) => f < names.length)),
    {
      path: ['trees'],
      error: 'expected only features that are named',
    },
  )

const LinearJson = z
  .strictObject({
    format: z.literal(FORMAT),
    kind: z.literal('linear'),
    names: Names,
    means: z.array(z.number()),
    scales: z.array(z.number().gt(0)),
    weights: z.array(z.number()),
    intercept: z.number(),
  })
  .refine(
    ({ names, means, scales, weights }) =>
      [means, scales, weights].every((column) => column.length === names.length),
    { path: ['names'], error: 'expected a mean, a scale and a weight for every name' },
  )

const ModelJson = z.discriminatedUnion('kind', [GbdtJson, LinearJson])

/** The model as JSON text; every number reads back as the same one. */
export function serialiseModel(model: Model): string {
  const json = model.kind === 'gbdt' ? { ...model, trees: model.trees.map(treeToJson) } : model
  return JSON.stringify({ format: FORMAT, ...json })
}

/** The model in a text of `serialiseModel`. Throws INVALID_INPUT naming the field that does not fit. */
export function parseModel(text: string): Model {
  const parsed = ModelJson.safeParse(jsonOf(text))
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const field = ['model', ...(issue?.path ?? [])].join('.')
    throw new GyreError('INVALID_INPUT', `${field}: ${issue?.message}`, { field }, parsed.error)
  }
  const { format: _, ...model } = parsed.data
  return model.kind === 'gbdt' ? { ...model, trees: model.trees.map(treeFromJson) } : model
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new GyreError('INVALID_INPUT', 'model: expected JSON', { field: 'model' }, cause)
  }
}

import {
  encodeOnnx,
  type OnnxAttribute,
  type OnnxNode,
  type OnnxTensor,
} from '../core/formats/onnx-writer.ts'
import { LARGEST_FLOAT32 } from './float32.ts'
import type { GbdtModel } from './gbdt.ts'
import type { LinearModel } from './linear.ts'
import type { Model } from './model.ts'
import { LEAF, leafNode, treeOf, type Tree } from './tree.ts'

/** TensorProto.DataType of float64 and float32. */
const [DOUBLE, FLOAT] = [11, 1]

/**
 * The model as an ONNX file: input `features`, float32 [N, F] with NaN for missing values; output
 * `probability`, float32 [N, 1], P(label = 1). It adds up in float64 as the trainer does, so that the two
 * agree to 1e-6 however many trees there are. Feature names, in order, are in the metadata.
 */
export function exportOnnx(model: Model): Uint8Array {
  const { nodes, constants } = graphOf(model)
  return encodeOnnx({
    name: model.kind,
    inputs: [{ name: 'features', shape: ['rows', model.names.length] }],
    outputs: [{ name: 'probability', shape: ['rows', 1] }],
    nodes,
    constants,
    opsets: { '': 17, 'ai.onnx.ml': 3 },
    metadata: { 'gyre.kind': model.kind, 'gyre.features': JSON.stringify(model.names) },
  })
}

interface Graph {
  readonly nodes: readonly OnnxNode[]
  readonly constants: readonly OnnxTensor[]
}

function graphOf(model: Model): Graph {
  switch (model.kind) {
    case 'gbdt':
      return gbdtGraph(model)
    case 'linear':
      return linearGraph(model)
  }
}

function gbdtGraph(model: GbdtModel): Graph {
  return {
    constants: [],
    nodes: [
      cast('features', 'wide', DOUBLE),
      {
        operator: 'TreeEnsembleRegressor',
        domain: 'ai.onnx.ml',
        inputs: ['wide'],
        outputs: ['score'],
        attributes: ensembleAttributes(model),
      },
      node('Sigmoid', ['score'], 'probability'),
    ],
  }
}

/** Source: ai.onnx.ml TreeEnsembleRegressor-3; every attribute has one entry per node, or per leaf. */
function ensembleAttributes({ prior, trees }: GbdtModel): Readonly<Record<string, OnnxAttribute>> {
  // A runtime refuses an ensemble without trees.
  const nodes = (trees.length === 0 ? [treeOf([leafNode()])] : trees).flatMap(ensembleNodes)
  const leaves = nodes.filter(({ isLeaf }) => isLeaf)
  return {
    n_targets: { type: 'int', value: 1 },
    base_values_as_tensor: doubles('prior', [prior]),
    nodes_treeids: ints(nodes.map(({ tree }) => tree)),
    nodes_nodeids: ints(nodes.map(({ node: id }) => id)),
    nodes_modes: { type: 'strings', value: nodes.map((n) => (n.isLeaf ? 'LEAF' : 'BRANCH_LEQ')) },
    nodes_featureids: ints(nodes.map(({ feature }) => feature)),
    nodes_values_as_tensor: doubles(
      'thresholds',
      nodes.map(({ threshold }) => threshold),
    ),
    nodes_truenodeids: ints(nodes.map(({ left }) => left)),
    nodes_falsenodeids: ints(nodes.map(({ right }) => right)),
    nodes_missing_value_tracks_true: ints(nodes.map(({ missingLeft }) => missingLeft)),
    target_treeids: ints(leaves.map(({ tree }) => tree)),
    target_nodeids: ints(leaves.map(({ node: id }) => id)),
    target_ids: ints(leaves.map(() => 0)),
    target_weights_as_tensor: doubles(
      'values',
      leaves.map(({ value }) => value),
    ),
  }
}

function ensembleNodes(tree: Tree, treeId: number) {
  return Array.from(tree.features, (feature, id) => ({
    tree: treeId,
    node: id,
    isLeaf: feature === LEAF,
    feature: Math.max(feature, 0),
    threshold: tree.thresholds[id] ?? 0,
    left: tree.lefts[id] ?? 0,
    right: tree.rights[id] ?? 0,
    missingLeft: tree.missingLeft[id] ?? 0,
    value: tree.values[id] ?? 0,
  }))
}

/** sigmoid(((x − mean, or 0 where x is missing) / scale) · weights + intercept), in float64. */
function linearGraph({ means, scales, weights, intercept }: LinearModel): Graph {
  const width = weights.length
  return {
    constants: [
      { name: 'lowest', shape: [], data: Float64Array.of(-LARGEST_FLOAT32) },
      { name: 'largest', shape: [], data: Float64Array.of(LARGEST_FLOAT32) },
      { name: 'means', shape: [width], data: Float64Array.from(means) },
      { name: 'scales', shape: [width], data: Float64Array.from(scales) },
      { name: 'weights', shape: [width, 1], data: Float64Array.from(weights) },
      { name: 'intercept', shape: [1], data: Float64Array.of(intercept) },
    ],
    nodes: [
      cast('features', 'wide', DOUBLE),
      node('IsNaN', ['wide'], 'missing'),
      node('Where', ['missing', 'means', 'wide'], 'present'),
      node('Clip', ['present', 'lowest', 'largest'], 'finite'),
      node('Sub', ['finite', 'means'], 'centred'),
      node('Div', ['centred', 'scales'], 'standardised'),
      node('MatMul', ['standardised', 'weights'], 'product'),
      node('Add', ['product', 'intercept'], 'score'),
      node('Sigmoid', ['score'], 'share'),
      cast('share', 'probability', FLOAT),
    ],
  }
}

function cast(from: string, to: string, type: number): OnnxNode {
  return { ...node('Cast', [from], to), attributes: { to: { type: 'int', value: type } } }
}

function node(operator: string, inputs: readonly string[], output: string): OnnxNode {
  return { operator, inputs, outputs: [output] }
}

function ints(value: readonly number[]): OnnxAttribute {
  return { type: 'ints', value }
}

function doubles(name: string, values: readonly number[]): OnnxAttribute {
  return {
    type: 'tensor',
    value: { name, shape: [values.length], data: Float64Array.from(values) },
  }
}

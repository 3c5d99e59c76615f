import type { WandbItem } from '../../core/formats/wandb-record.ts'
import { leavesOf, type Leaf } from './wandb-value.ts'

type Node = Leaf | Map<string, Node>

/** What is set under keys in keys, as a config or a summary of W&B grows: the last word on a key counts. */
export interface Tree {
  set(item: WandbItem): void
  /** Sets what is not there yet. */
  add(item: WandbItem): void
  remove(path: readonly string[]): void
  leaves(): readonly Leaf[]
}

export function createTree(): Tree {
  const root = new Map<string, Node>()

  /** The map that holds the last key of a path. */
  function holderOf(path: readonly string[]): Map<string, Node> {
    let at = root
    for (const key of path.slice(0, -1)) {
      const known = at.get(key)
      const inner = known instanceof Map ? known : new Map<string, Node>()
      at.set(key, inner)
      at = inner
    }
    return at
  }

  function put(leaf: Leaf): void {
    holderOf(leaf.path).set(leaf.path.at(-1) ?? '', leaf)
  }

  function find(path: readonly string[]): Node | undefined {
    let at: Node | undefined = root
    for (const key of path) at = at instanceof Map ? at.get(key) : undefined
    return at
  }

  return {
    set(item) {
      holderOf(item.path).delete(item.path.at(-1) ?? '')
      for (const leaf of leavesOf(item)) put(leaf)
    },
    add(item) {
      for (const leaf of leavesOf(item)) if (find(leaf.path) === undefined) put(leaf)
    },
    remove: (path) => void holderOf(path).delete(path.at(-1) ?? ''),
    leaves: () => [...leavesIn(root)],
  }
}

function* leavesIn(node: Node): Generator<Leaf> {
  if (!(node instanceof Map)) yield node
  else for (const inner of node.values()) yield* leavesIn(inner)
}

import type { Lineage } from '@gyre/sdk/wire/lineage'
import { oneLine } from './one-line.ts'

/** A lineage as an indented tree from its root; a thing met again is named, not repeated. */
export function lineageTree(
  { root, nodes, edges, truncated }: Lineage,
  direction: 'up' | 'down',
): string {
  const byRef = new Map(nodes.map((node) => [node.ref, node]))
  const lines: string[] = []
  const seen = new Set<string>()

  function walk(ref: string, role: string, depth: number): void {
    const node = byRef.get(ref)
    const again = seen.has(ref)
    const parts = [
      role && `${role}:`,
      ref,
      node?.label && `(${node.label})`,
      node?.digest && !ref.endsWith(node.digest) && node.digest,
      again && '…',
    ]
    lines.push('  '.repeat(depth) + oneLine(parts.filter(Boolean).join(' ')))
    if (again) return
    seen.add(ref)
    for (const edge of edges)
      if (direction === 'up' ? edge.to === ref : edge.from === ref)
        walk(direction === 'up' ? edge.from : edge.to, edge.role, depth + 1)
  }

  walk(root, '', 0)
  if (truncated) lines.push('… and more; ask for a part of it')
  return lines.join('\n')
}

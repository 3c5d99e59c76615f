import type { RunRef } from '@gyre/sdk/wire/run'
import type { Tx } from './catalog.ts'

/** Appends what is not there yet: the same ref in the same role is one edge. */
export async function addRefs(
  tx: Tx,
  runId: string,
  direction: 'input' | 'output',
  refs: readonly RunRef[],
): Promise<void> {
  if (refs.length === 0) return
  const present = await tx
    .selectFrom('run_refs')
    .select(['ref', 'role'])
    .where('run_id', '=', runId)
    .where('direction', '=', direction)
    .execute()
  const known = new Set(present.map(edgeKey))
  const fresh = refs.filter((ref) => {
    const isNew = !known.has(edgeKey(ref))
    known.add(edgeKey(ref))
    return isNew
  })
  if (fresh.length === 0) return
  await tx
    .insertInto('run_refs')
    .values(
      fresh.map(({ ref, role, digest }, i) => ({
        run_id: runId,
        direction,
        position: present.length + i,
        ref,
        role,
        digest: digest ?? null,
      })),
    )
    .execute()
}

function edgeKey({ ref, role }: { readonly ref: string; readonly role: string }): string {
  return JSON.stringify([ref, role])
}

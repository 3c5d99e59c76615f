import type { CheckedBackup } from '../upkeep/check-archive.ts'
import { counted } from './counted.ts'
import { sizeText } from '../core/size-text.ts'

/** One line for people, or the facts as JSON. */
export function describeBackup(
  done: string,
  { head, members, bytes }: CheckedBackup,
  json: boolean,
): string {
  if (json) return JSON.stringify({ ...head, members, bytes }, null, 2)
  const { at, event, gyre, schema } = head
  return `${done}: ${counted(members, 'file')}, ${sizeText(bytes)}, as of ${at} (event ${event.seq}), by Gyre ${gyre}, schema ${schema}`
}

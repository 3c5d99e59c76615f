import { GyreError } from '../../core/errors.ts'
import type { Files } from '../files.ts'

/**
 * Throws DISK_FULL where the disk has no room for what was announced: known before the first byte, where the other
 * end of a long upload would be told after the last that there was. Others may still take the room meanwhile.
 */
export async function assertRoom(
  files: Files,
  folder: string,
  announcedBytes: number | undefined,
): Promise<void> {
  if (announcedBytes === undefined) return
  const freeBytes = await files.freeBytes(folder)
  if (announcedBytes > freeBytes)
    throw new GyreError(
      'DISK_FULL',
      `the disk has room for ${freeBytes} bytes, and ${announcedBytes} were announced`,
      { freeBytes, announcedBytes },
    )
}

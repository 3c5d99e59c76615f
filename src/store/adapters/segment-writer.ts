import { toGyreError } from '../../core/errors.ts'
import type { Files, WritableFile } from '../files.ts'
import type { Segment, Segments } from './segments.ts'

/** The one live file of a stream. Callers take turns; nothing here guards against two at once. */
export interface SegmentWriter {
  /** Resolves when the lines are on the disk; after a failure none of them is kept. */
  write(lines: Buffer, rows: number): Promise<void>
  /** The live segment as it stands on the disk, or undefined before the first row. */
  live(): Segment | undefined
  /** Ends the live segment; the next write begins another. */
  seal(): Promise<void>
  close(): Promise<void>
}

interface Live {
  readonly segment: Segment
  /** Absent after a failed write: the file is cut back to its good bytes before it is written again. */
  readonly file: WritableFile | undefined
}

export function createSegmentWriter(
  stream: string,
  segments: Segments,
  files: Files,
  recovered: Segment | undefined,
  onSealed: (segment: Segment) => void,
): SegmentWriter {
  let live: Live | undefined = recovered && { segment: recovered, file: undefined }

  async function open(): Promise<{ segment: Segment; file: WritableFile }> {
    if (!live) {
      const created = await segments.create(stream)
      live = created
      return created
    }
    const { segment, file } = live
    if (file) return { segment, file }
    const reopened = await files.append(segment.path)
    try {
      await reopened.truncate(segment.bytes)
    } catch (error) {
      await reopened.close()
      throw error
    }
    live = { segment, file: reopened }
    return { segment, file: reopened }
  }

  async function closeFile(): Promise<void> {
    const file = live?.file
    if (live) live = { segment: live.segment, file: undefined }
    await file?.close()
  }

  /** Best effort now, so that no reader sees the lines; the next write does it again before it writes. */
  async function cutBack(): Promise<void> {
    try {
      await live?.file?.truncate(live.segment.bytes)
    } catch {
      // The disk that refused the write may refuse this too.
    }
    await closeFile().catch(() => {})
  }

  return {
    async write(lines, rows) {
      try {
        const { segment, file } = await open()
        await file.write(lines)
        await file.datasync()
        const grown = { rows: segment.rows + rows, bytes: segment.bytes + lines.byteLength }
        live = { segment: { ...segment, ...grown }, file }
      } catch (error) {
        await cutBack()
        throw toGyreError(error)
      }
    },
    live: () => live?.segment,
    async seal() {
      if (!live) return
      await closeFile()
      const { segment } = live
      const sealed = await segments.seal(segment, segment.rows, segment.bytes)
      live = undefined
      onSealed(sealed)
    },
    close: closeFile,
  }
}

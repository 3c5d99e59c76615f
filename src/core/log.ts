import { openSync, writeSync } from 'node:fs'
import { pino, type Logger } from 'pino'

export type Log = Logger

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** Structured JSON lines at the end of a file, whose folder must exist; a line that cannot be written is lost. */
export function createLog(level: LogLevel, file: string): Log {
  const fd = openSync(file, 'a')
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime }
  return pino(options, { write: (line) => writeOrLose(fd, line) })
}

/** Pino's own destination waits for ever on a full disk: a log must neither stop nor end the server. */
function writeOrLose(fd: number, line: string): void {
  try {
    writeSync(fd, line)
  } catch {
    // There is nowhere left to say it.
  }
}

export const silentLog: Log = pino({ level: 'silent' })

import { pino, type Logger } from 'pino'

export type Log = Logger

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** Structured JSON lines on stderr (or a file), never on stdout: stdout belongs to the command's answer. */
export function createLog(level: LogLevel, file?: string): Log {
  const destination = pino.destination(file === undefined ? { fd: 2 } : { dest: file, mkdir: true })
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination)
}

export const silentLog: Log = pino({ level: 'silent' })

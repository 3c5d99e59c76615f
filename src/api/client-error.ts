import { STATUS_CODES, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { errnoOf, GyreError } from '../core/errors.ts'
import type { NewId } from '../core/id.ts'
import type { Log } from '../core/log.ts'
import { problemReply } from './problem.ts'

export interface ClientErrorDeps {
  readonly log: Log
  readonly newId: NewId
  /** The answer that a connection has been given last, or is being given. */
  readonly latestAnswer: (socket: Socket) => ServerResponse | undefined
}

/**
 * Answers what never became a request (broken framing, headers too large or too slow) with a problem, and hangs up.
 * By hand, since there is no response to write to; in the middle of an answer nothing more can be said.
 */
export function answerClientErrors({ log, newId, latestAnswer }: ClientErrorDeps) {
  return (error: Error, socket: Socket): void => {
    const latest = latestAnswer(socket)
    const isAnswering = latest?.headersSent === true && !latest.writableFinished
    if (socket.writable && errnoOf(error) !== 'ECONNRESET' && !isAnswering)
      socket.write(replyText(log, refusalOf(error), newId('req')))
    socket.destroy()
  }
}

/** What Node's parser (`HPE_…`) or its clock says, in our codes. */
function refusalOf(error: Error): GyreError {
  const reason = errnoOf(error) ?? 'unknown'
  switch (reason) {
    case 'HPE_HEADER_OVERFLOW':
      return new GyreError('HEADERS_TOO_LARGE', 'headers: expected at most 16 KiB', {
        field: 'headers',
      })
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new GyreError('TOO_LARGE', 'body: its chunks have too many extensions', {
        field: 'body',
      })
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new GyreError('REQUEST_TIMEOUT', 'request: it did not arrive in time')
    default:
      return new GyreError('INVALID_ARGUMENT', `request: not HTTP (${error.message})`, { reason })
  }
}

function replyText(log: Log, error: GyreError, requestId: string): string {
  const { status, headers, body } = problemReply(log, error, requestId)
  const lines = Object.entries({
    ...headers,
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`
}

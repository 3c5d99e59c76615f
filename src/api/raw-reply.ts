import type { IncomingMessage, ServerResponse } from 'node:http'
import { GyreError } from '../core/errors.ts'

/** The path of a request without its query. */
export function pathOf({ url = '/' }: IncomingMessage): string {
  const end = url.indexOf('?')
  return end < 0 ? url : url.slice(0, end)
}

/** Throws METHOD_NOT_ALLOWED, with the `Allow` header set, for any other method. */
export function expectMethod(
  { method, url }: IncomingMessage,
  response: ServerResponse,
  expected: 'GET' | 'POST',
): void {
  if (method === expected || (expected === 'GET' && method === 'HEAD')) return
  response.setHeader('allow', expected)
  throw new GyreError('METHOD_NOT_ALLOWED', `${url} answers ${expected}, not ${method}`, {
    allow: expected,
  })
}

/** Ends a reply of 200 with JSON text. */
export function endWithJson(response: ServerResponse, text: string): void {
  response.setHeader('content-type', 'application/json')
  response.setHeader('content-length', Buffer.byteLength(text))
  response.end(text)
}

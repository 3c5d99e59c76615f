import { z } from 'zod'
import { GyreError, isErrorCode } from '../core/errors.ts'
import { parseJsonText } from './json-text.ts'

/** What ends a backup that the server could not finish, in the place of the manifest. */
export const FAILURE_PATH = 'failed.json'

const Failure = z.strictObject({ code: z.string(), message: z.string() })

export function failureText({ code, message }: GyreError): string {
  return JSON.stringify({ code, message })
}

/** Why the server stopped. */
export function parseFailure(text: string): GyreError {
  const { data } = Failure.safeParse(parseJsonText(text))
  const code = isErrorCode(data?.code) ? data.code : 'DAMAGED'
  return new GyreError(code, `the server could not finish the backup: ${data?.message ?? text}`)
}

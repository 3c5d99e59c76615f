import { getSystemErrorMap } from 'node:util'
import { RequestError } from '@gyre/sdk/client'
import { CommanderError } from 'commander'
import { z } from 'zod'
import { ERRORS, errnoOf, GyreError, isErrorCode, toGyreError } from '../core/errors.ts'
import { issueText } from '@gyre/sdk/wire/issue-text'

/** What Commander has to say of a command line, in one line of ours. */
export function usageError(text: string): string {
  return `gyre: ${oneLine(text.replace(/^error: /, ''))}; --help shows what is expected\n`
}

/** Prints a failure as one line, cause and remedy; gives the exit code. */
export function explain(thrown: unknown): number {
  // Commander has printed its own line already; asking for help or the version is no failure.
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : 2
  const { code, message } = refusalOf(thrown)
  console.error(`gyre: ${oneLine(message)}`)
  return isErrorCode(code) ? ERRORS[code].exit : 1
}

function refusalOf(thrown: unknown): { readonly code: string; readonly message: string } {
  if (thrown instanceof RequestError) return thrown
  if (thrown instanceof z.ZodError) {
    const [issue] = thrown.issues
    const text = (issue && issueText(issue)) ?? issue?.message
    return { code: 'INVALID_ARGUMENT', message: `${optionOf(issue)}: ${text}` }
  }
  return fileError(thrown) ?? toGyreError(thrown)
}

/** The option as it is written: of `--only a b` each is a member, and Commander makes camels of dashes. */
function optionOf(issue: z.core.$ZodIssue | undefined): string {
  const name = String(issue?.path[0] ?? '')
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}

/** A file of the user's that could not be read or written, by name. */
function fileError(thrown: unknown): GyreError | undefined {
  if (!(thrown instanceof Error) || !('path' in thrown) || !('errno' in thrown)) return undefined
  const [, reason] = getSystemErrorMap().get(Number(thrown.errno)) ?? []
  if (reason === undefined || errnoOf(thrown) === 'ENOSPC') return undefined
  return new GyreError('INVALID_ARGUMENT', `${String(thrown.path)}: ${reason}`, {}, thrown)
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*\n\s*/g, ' ')
}

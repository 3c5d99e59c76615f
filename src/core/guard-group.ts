import { spawn } from 'node:child_process'

/**
 * Ends the process group that this process leads when it dies, by whatever: a program that it has started must not go on
 * by itself when nobody is left to end it. A shell of the group waits for the pipe to this process to break.
 */
export function guardGroup(): void {
  // Named, not `0`: in a group that this process does not lead, nothing is ended.
  const script = `trap '' TERM INT HUP; read _; kill -s KILL -- -${process.pid}`
  const guard = spawn('sh', ['-c', script], { stdio: ['pipe', 'ignore', 'ignore'] })
  // Without a shell there is none; the server ends the group in any case but its own death.
  guard.on('error', () => undefined)
  guard.stdin.on('error', () => undefined)
  guard.unref()
  // A pipe is a socket to Node, which its type does not tell.
  if ('unref' in guard.stdin && typeof guard.stdin.unref === 'function') guard.stdin.unref()
}

import type { ChildProcess } from 'node:child_process'
import { childEnvironment } from '../../core/config.ts'
import { spawnProcess } from '../../core/spawn.ts'

/** Starts the module of a job's process; it leads a group of its own, so that its children end with it. */
export function forkRunner(
  runner: URL,
  environment: Readonly<Record<string, string>>,
): ChildProcess {
  return spawnProcess(runner, [], {
    env: childEnvironment(environment),
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    detached: true,
  })
}

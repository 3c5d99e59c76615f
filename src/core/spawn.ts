import { fork, type ChildProcess, type ForkOptions } from 'node:child_process'
import { Worker, type WorkerOptions } from 'node:worker_threads'

/** True when this very file runs as TypeScript source (tsx, vitest), false in the built tree. */
export const FROM_SOURCE = import.meta.url.endsWith('.ts')

const EXTENSION = FROM_SOURCE ? '.ts' : '.js'

/**
 * The sibling module `name` of the file at `base` (its `import.meta.url`), as it exists now: `.ts` from
 * source, `.js` in the built tree. Neither tsc nor a bundler rewrites `new URL('./x.ts', …)` for us.
 */
export function siblingUrl(name: string, base: string): URL {
  return new URL(name + EXTENSION, base)
}

/** Starts a worker thread on a module of ours. From source it goes through a stub that registers tsx. */
export function spawnThread(module: URL, options: WorkerOptions = {}): Worker {
  if (!FROM_SOURCE) return new Worker(module, options)
  const tsx = import.meta.resolve('tsx/esm/api')
  const stub = `import(${JSON.stringify(tsx)}).then(({ register }) => { register(); return import(${JSON.stringify(module.href)}) })`
  return new Worker(stub, { ...options, eval: true, execArgv: ['--conditions=source'] })
}

/** Starts a child process on a module of ours with an IPC channel that carries typed arrays. */
export function spawnProcess(
  module: URL,
  args: readonly string[],
  options: ForkOptions,
): ChildProcess {
  const execArgv = FROM_SOURCE
    ? ['--conditions=source', '--import', import.meta.resolve('tsx')]
    : []
  return fork(module, [...args], {
    serialization: 'advanced',
    ...options,
    execArgv: [...execArgv, ...(options.execArgv ?? [])],
  })
}

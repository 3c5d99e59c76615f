import { spawn, type ChildProcess } from 'node:child_process'
import { childEnvironment } from '../core/config.ts'

/** A script, as it is started. */
export interface ScriptStart {
  /** The interpreter and its flags. */
  readonly command: readonly [string, ...string[]]
  /** Absolute. */
  readonly script: string
  /** What it is told on its command line. */
  readonly words: readonly string[]
  /** The folder that it runs in. */
  readonly folder: string
  /** Besides what every child process gets. */
  readonly variables: Readonly<Record<string, string>>
}

export type StartScript = (start: ScriptStart) => ChildProcess

/**
 * What an interpreter reads before it has read anything else, the same for all scripts: so it may start before its
 * script is known. The order of sets of texts is the same in every process, whatever the seed.
 */
const AT_START = { PYTHONHASHSEED: '0', PYTHONNOUSERSITE: '1', PYTHONUNBUFFERED: '1' }

export const startScript: StartScript = ({ command, script, words, folder, variables }) => {
  const [program, ...flags] = command
  return spawn(program, [...flags, script, ...words], {
    cwd: folder,
    env: childEnvironment({ ...variables, ...AT_START }),
    stdio: ['ignore', 'inherit', 'inherit'],
  })
}

/**
 * An interpreter that waits for its script, and is then to it as one that was started with it: arguments, `__main__`,
 * search path, standard input, tracebacks. No module is there that a bare start does not load but `os`. Without a
 * script it ends when its starter does.
 */
const WAIT = `
def wait():
    import os, sys
    from _frozen_importlib_external import SourceFileLoader
    told = b''
    while part := os.read(0, 65536):
        told += part
    if not told:
        os._exit(0)
    folder, script, count, *rest = os.fsdecode(told).split('\\0')
    words, pairs = rest[:int(count)], rest[int(count):]
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    os.chdir(folder)
    for pair in pairs:
        name, _, value = pair.partition('=')
        os.environ[name] = value
    sys.argv[:] = [script, *words]
    if hasattr(sys, 'orig_argv'):
        sys.orig_argv[-2:] = sys.argv
    sys.path[0] = os.path.dirname(script)
    main = sys.modules['__main__'].__dict__
    del main['wait']
    main.update(__file__=script, __cached__=None, __loader__=SourceFileLoader('__main__', script))
    failed = False
    try:
        with open(script, 'rb') as file:
            source = file.read()
        exec(compile(source, script, 'exec', dont_inherit=True), main)
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:
        failed = True
        error = error.with_traceback(error.__traceback__.tb_next)
        sys.excepthook(type(error), error, error.__traceback__)
    # As after any script: functions that run at the exit do not find them.
    for name in ('__file__', '__cached__'):
        main.pop(name, None)
    if failed:
        sys.exit(1)
wait()
`

/** Starts an interpreter now for the first script that asks for the same one; all others get one of their own. */
export function waitingPython(command: ScriptStart['command']): StartScript {
  const [program, ...flags] = command
  let waiting: ChildProcess | undefined = spawn(program, [...flags, '-c', WAIT], {
    env: childEnvironment(AT_START),
    stdio: ['pipe', 'inherit', 'inherit'],
  })
  // One that cannot be started, or was ended, is nobody's.
  const forget = (): void => {
    waiting = undefined
  }
  waiting.once('error', forget)
  waiting.once('exit', forget)
  waiting.stdin?.on('error', forget)
  return (start) => {
    const taken = waiting
    if (!taken || taken.exitCode !== null || !isSame(start.command, command) || readsAtStart(start))
      return startScript(start)
    waiting = undefined
    const pairs = Object.entries(start.variables).map(([name, value]) => `${name}=${value}`)
    const { folder, script, words } = start
    taken.stdin?.end([folder, script, words.length, ...words, ...pairs].join('\0'))
    return taken
  }
}

/** An interpreter that has started reads none of its own variables any more. */
function readsAtStart({ variables }: ScriptStart): boolean {
  return Object.keys(variables).some((name) => name.startsWith('PYTHON'))
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((part, at) => part === b[at])
}

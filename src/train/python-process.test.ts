import { spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startScript, waitingPython, type ScriptStart, type StartScript } from './python-process.ts'

// The interpreter itself: what `python3` is may be a shell script, which a shell's variables come with.
const asked = spawnSync('python3', ['-c', 'import sys; print(sys.executable)'], {
  encoding: 'utf8',
})
const python = asked.status === 0 ? asked.stdout.trim() : undefined

let folder: string
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'gyre-waiting-')))
  await writeFile(join(folder, 'beside.py'), 'WHERE = __file__\n')
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function endOf(child: ChildProcess): Promise<unknown> {
  const [code] = await once(child, 'close')
  return code
}

/** Runs a script that writes its answer to the file `$ANSWER`, and gives how it ended and what it wrote. */
async function answerOf(start: StartScript, code: string, command: ScriptStart['command']) {
  const script = join(folder, 'script.py')
  const answer = join(folder, 'answer.json')
  await writeFile(script, code)
  await writeFile(answer, '')
  const variables = { ANSWER: answer, LIST: 'a=b=c', LETTERS: 'éß\n2' }
  const words = ['--name', 'a b']
  const exit = await endOf(start({ command, script, words, folder, variables }))
  return [exit, await readFile(answer, 'utf8')]
}

/** What a script may notice of how it was started; identical but for ids and what is loaded at the start. */
const CURIOUS = `
import atexit, beside, json, os, sys
told = {
    'names': sorted(globals()),
    'main': [__name__, __file__, __spec__ is None, __doc__, type(__loader__).__name__, __package__],
    'same': sys.modules['__main__'].__dict__ is globals(),
    'argv': [sys.argv, getattr(sys, 'orig_argv', None)],
    'path': sys.path,
    'cwd': os.getcwd(),
    'env': sorted(os.environ.items()),
    'stdin': [sys.stdin.read(), os.readlink('/dev/fd/0') if os.path.exists('/proc') else ''],
    'flags': str(sys.flags),
    'order': list({'a', 'b', 'c', 'd', 'e'}),
    'modules': sorted(sys.modules),
    'beside': beside.WHERE,
}
def tell():
    told['left'] = sorted(globals())
    with open(os.environ['ANSWER'], 'w') as file:
        json.dump(told, file)
atexit.register(tell)
`

const FAILING = `
import os, sys
sys.stderr = open(os.environ['ANSWER'], 'w')
def deep():
    raise ValueError('why not')
deep()
`

describe.skipIf(python === undefined)('an interpreter that waits (python3 is needed)', () => {
  const command = [python ?? '', '-s', '-S'] as const

  test.each([
    ['what it finds', CURIOUS],
    ['a failure and its traceback', FAILING],
    ['a script that does not parse', 'import sys\ndef broken(:\n'],
    ['an exit code', 'raise SystemExit(7)'],
    ['a message as exit', `import sys; sys.exit('no')`],
    ['an end by itself', 'import os; os._exit(9)'],
  ])('is to a script as a fresh one: %s', async (_, code) => {
    const fresh = await answerOf(startScript, code, command)
    const waited = await answerOf(waitingPython(command), code, command)
    expect(waited).toEqual(fresh)
    expect(fresh[0] !== 0 || String(fresh[1]).length > 100).toBe(true)
  })

  test('does one script; the next one gets an interpreter of its own', async () => {
    const start = waitingPython(command)
    const say = `import os; open(os.environ['ANSWER'], 'w').write(str(os.getpid()))`
    const [first, second] = [
      await answerOf(start, say, command),
      await answerOf(start, say, command),
    ]
    expect([first[0], second[0]]).toEqual([0, 0])
    expect(first[1]).not.toBe(second[1])
  })

  test('is not used for another environment, nor when it cannot be started or was killed', async () => {
    const code = `import os; open(os.environ['ANSWER'], 'w').write('done')`
    const other = [python ?? '', '-s'] as const
    expect(await answerOf(waitingPython(command), code, other)).toEqual([0, 'done'])
    const absent = waitingPython([join(folder, 'no-python')])
    expect(await answerOf(absent, code, command)).toEqual([0, 'done'])
  })
})

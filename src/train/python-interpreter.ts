import { mkdir, open, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { z } from 'zod'
import { environmentVariable } from '../core/config.ts'

/** The program behind a command, and what it says it is. */
export interface Interpreter {
  readonly executable: string
  readonly version: string
}

/** Identifies the bytes of a program without reading them. */
const Stamp = z.strictObject({ path: z.string(), mtimeMs: z.number(), size: z.number() })
type Stamp = z.infer<typeof Stamp>

const Known = z.strictObject({
  asked: Stamp,
  executable: Stamp,
  version: z.string(),
  knownMs: z.number(),
})

/** A script on the PATH (as of pyenv) may choose another program tomorrow, and its own file does not tell. */
const CHOSEN_MS = 60_000

/**
 * What `probe` says of `command`, kept in a file while the program is the same file: asking costs as much as a start.
 * What cannot be kept is asked each time.
 */
export async function knownInterpreter(
  file: string,
  command: string,
  probe: (command: string) => Promise<Interpreter>,
): Promise<Interpreter> {
  const asked = await programOf(command)
  if (!asked) return probe(command)
  const known = await readKnown(file)
  if (known && (await isStill(known, asked)))
    return { executable: known.executable.path, version: known.version }
  const found = await probe(command)
  const executable = await stampOf(found.executable)
  if (executable) {
    const fresh = { asked, executable, version: found.version, knownMs: Date.now() }
    await keep(file, JSON.stringify(fresh))
  }
  return found
}

async function isStill(known: z.infer<typeof Known>, asked: Stamp): Promise<boolean> {
  if (!isSame(known.asked, asked)) return false
  const now = await stampOf(known.executable.path)
  if (!now || !isSame(now, known.executable)) return false
  const age = Date.now() - known.knownMs
  return (age >= 0 && age < CHOSEN_MS) || !(await isScript(asked.path))
}

function isSame(a: Stamp, b: Stamp): boolean {
  return a.path === b.path && a.mtimeMs === b.mtimeMs && a.size === b.size
}

/** Where the shell would find it. */
async function programOf(command: string): Promise<Stamp | undefined> {
  if (command.includes('/')) return stampOf(command)
  for (const folder of (environmentVariable('PATH') ?? '').split(delimiter)) {
    const found = folder === '' ? undefined : await stampOf(join(folder, command))
    if (found) return found
  }
  return undefined
}

async function stampOf(path: string): Promise<Stamp | undefined> {
  const facts = await stat(path).catch(() => undefined)
  return facts?.isFile() ? { path, mtimeMs: facts.mtimeMs, size: facts.size } : undefined
}

async function isScript(path: string): Promise<boolean> {
  const file = await open(path)
  try {
    const { buffer } = await file.read(Buffer.alloc(2), 0, 2, 0)
    return buffer.toString('latin1') === '#!'
  } finally {
    await file.close()
  }
}

async function readKnown(file: string): Promise<z.infer<typeof Known> | undefined> {
  try {
    return Known.parse(JSON.parse(await readFile(file, 'utf8')))
  } catch {
    // Not there, or of another version: asked again and written anew.
    return undefined
  }
}

async function keep(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  const part = `${file}.${process.pid}`
  await writeFile(part, text)
  await rename(part, file)
}

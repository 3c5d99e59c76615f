import { readFile, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import { digestOfJson } from '../../core/digest.ts'
import { GyreError } from '../../core/errors.ts'
import { Json } from '@gyre/sdk/wire/ref'
import { readParam } from '../pair.ts'
import type { Job } from './job.ts'
import { choosePython, pythonVariables } from './python.ts'
import type { RunRequest } from './request.ts'

const Notebook = z.object({
  cells: z.array(
    z.object({ cell_type: z.string(), source: z.union([z.string(), z.array(z.string())]) }),
  ),
})

/** A notebook runs in its own folder, as it does in an editor; the copy that was executed is kept with the run. */
export async function notebookJob(request: RunRequest, path: string, temp: string): Promise<Job> {
  const { target, params, args } = request
  if (args.length > 0)
    throw new GyreError(
      'INVALID_ARGUMENT',
      'args: a notebook takes parameters (-P), no further words',
      {
        field: 'args',
      },
    )
  const name = basename(path)
  const cells = await readCells(path, target)
  for (const param of params.keys()) assertVariable(param)
  const python = await choosePython(request)
  const [given, copy] = [join(temp, 'params.json'), join(temp, name)]
  const values = [...params].map(([param, text]) => readParam(`${param}=${text}`))
  await writeFile(given, JSON.stringify(Object.fromEntries(values)))
  const [program, ...flags] = python.command
  const words = ['-m', 'gyre.notebook', path, copy, '--params', given, '--name', target]
  return {
    kind: 'notebook',
    name: target,
    program: [program, ...flags, ...words],
    folder: dirname(path),
    codeFolder: dirname(path),
    variables: pythonVariables(python),
    params: Object.fromEntries(params),
    // Outputs and counts that somebody has saved are not what is executed.
    digest: digestOfJson(Json.parse(cells)),
    lockfileDigest: python.lockfileDigest,
    facts: python.facts,
    keeps: new Map([[`notebook/${name}`, copy]]),
  }
}

/** The sources of its cells of code. */
async function readCells(path: string, shown: string): Promise<readonly string[]> {
  try {
    const { cells } = Notebook.parse(JSON.parse(await readFile(path, 'utf8')))
    return cells
      .filter(({ cell_type }) => cell_type === 'code')
      .map(({ source }) => (typeof source === 'string' ? source : source.join('')))
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError || thrown instanceof z.ZodError)) throw thrown
    throw new GyreError(
      'INVALID_ARGUMENT',
      `target: ${shown} is no notebook: expected JSON with a list of cells`,
      { field: 'target' },
      thrown,
    )
  }
}

/** Parameters of a notebook become variables of its code. */
function assertVariable(name: string): void {
  if (/^[A-Za-z_]\w*$/.test(name)) return
  throw new GyreError('INVALID_ARGUMENT', `param: expected the name of a variable, got ${name}`, {
    field: 'param',
  })
}

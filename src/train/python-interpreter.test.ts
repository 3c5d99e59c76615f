import { chmod, mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { knownInterpreter, type Interpreter } from './python-interpreter.ts'

type Probe = (command: string) => Promise<Interpreter>

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gyre-interpreter-'))
  onTestFinished(() => rm(folder, { recursive: true }))
})

/** The first bytes of a program that is no script. */
async function program(name: string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, Buffer.from([0x7f, 0x45, 0x4c, 0x46]))
  return path
}

test('a program is asked once, and again when it is another file', async () => {
  const python = await program('python3')
  const probe = vi.fn<Probe>(async () => ({ executable: python, version: '3.11.7' }))
  const kept = join(folder, 'kept', 'interpreter.json')
  const known = { executable: python, version: '3.11.7' }
  expect(await knownInterpreter(kept, python, probe)).toEqual(known)
  expect(await knownInterpreter(kept, python, probe)).toEqual(known)
  expect(probe).toHaveBeenCalledTimes(1)
  await utimes(python, 1, 1)
  probe.mockResolvedValue({ executable: python, version: '3.12.0' })
  expect(await knownInterpreter(kept, python, probe)).toMatchObject({ version: '3.12.0' })
  expect(probe).toHaveBeenCalledTimes(2)
})

test('a script that chooses the program is asked again after a minute', async () => {
  const python = await program('python3.11')
  const shim = join(folder, 'python3')
  await writeFile(shim, '#!/bin/sh\n')
  await chmod(shim, 0o755)
  const probe = vi.fn<Probe>(async () => ({ executable: python, version: '3.11.7' }))
  const kept = join(folder, 'kept', 'interpreter.json')
  await knownInterpreter(kept, shim, probe)
  await knownInterpreter(kept, shim, probe)
  expect(probe).toHaveBeenCalledTimes(1)
  const old = { ...JSON.parse(await readFile(kept, 'utf8')), knownMs: Date.now() - 61_000 }
  await writeFile(kept, JSON.stringify(old))
  await knownInterpreter(kept, shim, probe)
  expect(probe).toHaveBeenCalledTimes(2)
})

test('what was kept and cannot be read is asked anew; a command that is not there is asked each time', async () => {
  const python = await program('python3')
  const probe = vi.fn<Probe>(async () => ({ executable: python, version: '3.11.7' }))
  const kept = join(folder, 'kept', 'interpreter.json')
  await mkdir(join(folder, 'kept'))
  await writeFile(kept, '{')
  await knownInterpreter(kept, python, probe)
  await knownInterpreter(kept, join(folder, 'absent'), probe)
  await knownInterpreter(kept, join(folder, 'absent'), probe)
  expect(probe).toHaveBeenCalledTimes(3)
})

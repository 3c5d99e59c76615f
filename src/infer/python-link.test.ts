import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { silentLog } from '../core/log.ts'
import { openPythonLink } from './python-link.ts'
import type { PythonSource } from './session.ts'
import { systemTimers } from './timers.ts'

async function sourceOf(command: PythonSource['command']): Promise<PythonSource> {
  const folder = await mkdtemp(join(tmpdir(), 'gyre-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return { kind: 'python', key: 'model:greeting@1', folder, command }
}

test('an interpreter that is not there is a crash, told once', async () => {
  const onCrash = vi.fn<(reason: string) => void>()
  const source = await sourceOf(['python-that-is-not-there'])
  const link = openPythonLink({ log: silentLog, timers: systemTimers, onCrash }, source)
  expect(await link.started).toMatchObject({ kind: 'crashed' })
  expect(await link.ask({ kind: 'tensors', session: 1, inputs: [] }, 1_000)).toMatchObject({
    kind: 'crashed',
  })
  expect(onCrash).toHaveBeenCalledTimes(1)
})

test('a Python without MLflow refuses the model, and ends when it is told to', async () => {
  const onCrash = vi.fn<(reason: string) => void>()
  const source = await sourceOf(['python3', '-s', '-S'])
  const link = openPythonLink({ log: silentLog, timers: systemTimers, onCrash }, source)
  expect(await link.started).toEqual({ kind: 'ready' })
  expect(await link.ask({ kind: 'load', session: 1, source }, 30_000)).toMatchObject({
    kind: 'refused',
    code: 'INVALID_INPUT',
    message: expect.stringContaining('mlflow'),
  })
  await link.stop()
  expect(onCrash).not.toHaveBeenCalled()
})

import { expect, test } from 'vitest'
import { createGuardMemory, guardNative, mayBeEnded } from './native-guard.ts'

function leave(): never {
  throw new Error('left')
}

test('a thread that still loads onnxruntime is not ended; it leaves by itself when it has', () => {
  const memory = createGuardMemory()
  expect(mayBeEnded(memory)).toBe(false)
  expect(() => guardNative(memory, leave)).toThrow('left')
})

test('a thread out of native code may be ended, and enters none any more', async () => {
  const memory = createGuardMemory()
  const around = guardNative(memory, leave)
  await expect(around(async () => 'result')).resolves.toBe('result')
  expect(mayBeEnded(memory)).toBe(true)
  let entered = false
  await expect(around(async () => (entered = true))).rejects.toThrow('left')
  expect(entered).toBe(false)
})

test('a thread told to leave in native code leaves when it comes out, also by an error', async () => {
  for (const outcome of [Promise.resolve(), Promise.reject(new Error('the model failed'))]) {
    const memory = createGuardMemory()
    const around = guardNative(memory, leave)
    const running = around(async () => {
      expect(mayBeEnded(memory)).toBe(false)
      return outcome
    })
    await expect(running).rejects.toThrow('left')
  }
})

test('while one of two calls is under way the thread is in native code', async () => {
  const memory = createGuardMemory()
  const around = guardNative(memory, leave)
  const finish: (() => void)[] = []
  const long = around(() => new Promise<void>((resolve) => void finish.push(resolve)))
  await around(async () => undefined)
  expect(mayBeEnded(memory)).toBe(false)
  for (const end of finish) end()
  await expect(long).rejects.toThrow('left')
})

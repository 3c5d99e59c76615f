/**
 * What a worker thread and the server share, so that the thread is never ended from outside while onnxruntime
 * runs on it: its binding (onnxruntime-node 1.30) answers that by aborting the whole process.
 */
export type GuardMemory = Int32Array<SharedArrayBuffer>

/** The two cells: native code runs on the thread, and the thread has been told to leave. */
const [IN_NATIVE, MUST_LEAVE] = [0, 1]

/** A thread begins in native code: it loads onnxruntime before it can say anything. */
export function createGuardMemory(): GuardMemory {
  const memory = new Int32Array(new SharedArrayBuffer(8))
  memory[IN_NATIVE] = 1
  return memory
}

/**
 * The server's side. True when the thread may be ended from outside; false when it is in native code and
 * leaves by itself as soon as it comes out. Whichever side writes first, one of the two sees the other.
 */
export function mayBeEnded(memory: GuardMemory): boolean {
  Atomics.store(memory, MUST_LEAVE, 1)
  return Atomics.load(memory, IN_NATIVE) === 0
}

/** Runs native code. */
export type AroundNative = <T>(native: () => Promise<T>) => Promise<T>

/** The thread's side, from its first line on. `leave` ends the thread and does not return. */
export function guardNative(memory: GuardMemory, leave: () => never): AroundNative {
  let calls = 0
  function tell(): void {
    Atomics.store(memory, IN_NATIVE, Math.min(calls, 1))
    if (Atomics.load(memory, MUST_LEAVE) === 1) leave()
  }
  tell()
  return async (native) => {
    calls += 1
    tell()
    try {
      return await native()
    } finally {
      calls -= 1
      tell()
    }
  }
}

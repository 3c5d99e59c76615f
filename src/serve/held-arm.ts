import type { TensorType } from '../core/tensor.ts'
import { askArm, type Asked, type Said } from './ask-arm.ts'
import type { Arm } from './arms.ts'
import type { Ask } from './request.ts'
import { kindOfAnswers, type AnswerKind } from './row-answer.ts'

/** One version, kept loaded for somebody who asks much of it and waits behind everybody else. */
export interface HeldArm {
  /** `model:flight-delay@3`. */
  readonly model: string
  /** What each of its predictions is. */
  readonly answers: AnswerKind
  /** The inputs of its graph; undefined where it takes fields. */
  readonly inputs: readonly TensorType[] | undefined
  /** Why it answers UNAVAILABLE; undefined while it works. */
  readonly failed: string | undefined
  /** As `Serve.predict` would answer; throws what that throws. */
  answer(ask: Ask, atMs: number): Promise<Said>
  /** Gives the model back; what is under way is still answered. */
  close(): void
}

export function heldArm(asked: Asked, arm: Arm): HeldArm {
  const armed = { ...asked, arm: () => arm }
  return {
    model: asked.model,
    answers: arm.takes === 'tensors' ? kindOfAnswers(arm.graph) : 'number',
    inputs: arm.takes === 'tensors' ? arm.graph.inputs : undefined,
    get failed() {
      return arm.failed
    },
    answer: (ask, atMs) => askArm(armed, ask, atMs),
    close: () => arm.close(),
  }
}

import type { Random } from '../../core/random.ts'
import type { Sampler } from './sampler.ts'
import { isActive, type Axis, type Params, type ParamValue } from './space.ts'

/** Uniform over the space, on each parameter's own scale. */
export function randomSampler(axes: readonly Axis[]): Sampler {
  return (_trials, random) => drawAll(axes, random)
}

export function drawAll(axes: readonly Axis[], random: Random): Params {
  const params: Record<string, ParamValue> = {}
  for (const axis of axes)
    if (isActive(axis, params)) {
      const value = draw(axis, random)
      if (value !== undefined) params[axis.name] = value
    }
  return params
}

function draw(axis: Axis, random: Random): ParamValue | undefined {
  const unit = random()
  return axis.kind === 'range' ? axis.fromUnit(unit) : axis.of[Math.floor(unit * axis.of.length)]
}

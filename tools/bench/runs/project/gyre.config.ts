import { int, list, pipeline, python, step } from '@gyre/sdk'

const nothing = async () => (await import('./nothing.ts')).nothing
const double = step('double', async () => (await import('./double.ts')).double)

/** Its steps are taken from the cache when it is run again with the same seed. */
export const steps = pipeline('steps', { seed: int(1) }, ({ seed }) => {
  for (let at = 0; at < 50; at++) step(`s${at}`, nothing)({ at, seed })
})

export const one = pipeline('one', { seed: int(1) }, ({ seed }) => {
  step('nothing', nothing)({ at: 0, seed })
})

export const standard = pipeline('standard', { seed: int(1) }, ({ seed }) => {
  step('standard', python('py/standard.py'))({ seed })
})

export const numpy = pipeline('numpy', { seed: int(1) }, ({ seed }) => {
  step('numpy', python('py/with_numpy.py', { requirements: 'requirements.lock' }))({ seed })
})

export const many = pipeline('many', { items: list<number>() }, ({ items }) => {
  double.map(items, (n) => ({ n }), { concurrency: 2 })
})

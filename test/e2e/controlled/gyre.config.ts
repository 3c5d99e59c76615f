import { int, pipeline, project, python, setting, step } from '@gyre/sdk'

/** Where steps tell that they run, and wait for as long as a test holds them. */
const journal = setting('journal', '')

export const card = project('controlled', {
  task: 'Is what happens to a step told as it is?',
  metric: 'auc',
  baseline: 'none',
  thresholds: { auc: { atLeast: 0 } },
  owner: 'the tests',
})

const say = step('say', async () => (await import('./steps/say.ts')).say)
const snake = step('snake', python<{ journal: string; seed: number }, null>('py/snake.py'))

export const talk = pipeline('talk', { seed: int(7) }, ({ seed }) => {
  say({ journal, seed })
  snake({ journal, seed })
})

const cheap = step('cheap', async () => (await import('./steps/cheap.ts')).cheap)

/** Of a hundred points ten are computed. */
export const search = pipeline('search', { a: int(0), b: int(0) }, ({ a }) => {
  cheap({ journal, seed: a })
})

const load = async () => (await import('./steps/flaky.ts')).flaky
const patient = step('patient', load, { retries: { max: 1, backoff: '8s', on: ['EAGAIN'] } })
const flaky = step('flaky', load)

export const waiting = pipeline('waiting', { seed: int(7) }, ({ seed }) => {
  patient({ journal, seed })
})

export const chain = pipeline('chain', { seed: int(7) }, ({ seed }) => {
  const said = say({ journal, seed })
  flaky({ journal, seed, said })
})

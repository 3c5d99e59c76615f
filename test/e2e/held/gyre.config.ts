import {
  csv,
  dataset,
  day,
  duration,
  endpoint,
  field,
  gate,
  immediate,
  int,
  onSchedule,
  pipeline,
  project,
  rate,
  register,
  setting,
  step,
  text,
  timestamp,
  trainingSet,
  trigger,
} from '@gyre/sdk'

/** Where steps tell that they run, and wait for as long as a test holds them. */
const journal = setting('journal', '')

export const card = project('held', {
  task: 'Will this customer leave within a month?',
  metric: 'auc',
  baseline: 'logistic regression on the same inputs',
  thresholds: { auc: { atLeast: 0.6, worstSlice: { atLeast: 0.55 } } },
  slices: [{ by: 'plan', minRows: 100 }],
  owner: 'the tests',
})

/** The made-up customers of a new project. */
export const customers = dataset('customers', {
  source: csv('./data/customers.csv'),
  columns: {
    customer: text().unique(),
    signed_up: timestamp(),
    plan: text().oneOf(['free', 'team', 'firm']),
    visits: int().between(0, 1000),
    tickets: int().between(0, 100),
    churned: int().between(0, 1),
  },
  derive: { known_at: 'signed_up + to_days(30)' },
  subject: 'customer',
  at: 'signed_up',
  label: { column: 'churned', knownAt: 'known_at' },
})

export const serving = endpoint('churn', {
  model: 'churn',
  subject: 'customer',
  input: {
    plan: text().oneOf(['free', 'team', 'firm']),
    visits: int().between(0, 1000),
    tickets: int().between(0, 100),
  },
})

const fit = step('fit', async () => (await import('./steps/fit.ts')).fit)
const baseline = step('baseline', async () => (await import('./steps/baseline.ts')).baseline, {
  retries: 1,
})

export const train = pipeline(
  'train',
  { until: day('2026-02-01T00:00:00Z'), window: duration('400d'), seed: int(7) },
  ({ until, window, seed }) => {
    const rows = trainingSet('rows', {
      from: customers,
      until,
      window,
      holdout: '90d',
      inputs: [field('visits'), field('tickets'), rate('plan')],
    })
    const model = fit({ rows: rows.train, journal, seed })
    const verdict = gate(
      'good-enough',
      {
        candidate: model,
        baseline: baseline({ rows: rows.train, journal, seed }),
        rows: rows.newest,
      },
      card.thresholds,
      { champion: serving, slices: card.slices },
    )
    register('churn', { model, verdict }, { approvedBy: 'gate' })
  },
)

export const keepFresh = trigger('keep-fresh', {
  on: serving,
  when: [onSchedule('28d')],
  run: train,
  until: 'until',
  with: { seed: 70 },
  cooldown: '14d',
  release: immediate(),
})

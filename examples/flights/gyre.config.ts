import {
  canary,
  dataset,
  day,
  duration,
  endpoint,
  featureView,
  field,
  gate,
  int,
  last,
  mean,
  monitor,
  number,
  onQuality,
  onSchedule,
  parquet,
  pipeline,
  project,
  rate,
  register,
  setting,
  step,
  text,
  timestamp,
  trainingSet,
  transform,
  trigger,
} from '@gyre/sdk'

/** The demo learns from and predicts every 20th flight; the delay rates are computed from all of them. */
const EVERY_KTH = setting('every', 20)

/** January is history; from here on Gyre learns from what it served itself. */
const GOES_LIVE = '2001-02-01T00:00:00Z'

const airport = text(/^[A-Z]{3}$/)

export const card = project('flights', {
  task: 'Will this flight be more than 15 minutes late?',
  metric: 'auc',
  baseline: 'logistic regression on the same inputs',
  thresholds: {
    auc: { atLeast: 0.65, notWorseThan: 'champion', margin: 0.005 },
    logLoss: { betterThan: 'baseline', notWorseThan: 'champion' },
  },
  owner: 'flight operations',
})

/** US domestic flights, January to June 2001. */
export const flights = dataset('flights', {
  source: parquet('vega-datasets/data/flights-3m.parquet'),
  columns: {
    date: timestamp(),
    delay: int().between(-120, 1800).mostly(0.999),
    distance: int().between(1, 6000),
    origin: airport,
    destination: airport,
  },
  derive: {
    late: 'delay > 15',
    // Known on landing: half an hour on the ground, 7.5 miles a minute (8 s a mile), and the delay.
    landed: 'date + to_minutes(30 + greatest(delay, 0)) + to_seconds(distance * 8)',
  },
  subject: 'flight',
  at: 'date',
  label: { column: 'late', knownAt: 'landed' },
})

/** How late the last two hours' landings were, as known at each half hour. */
const recentLandings = {
  from: flights,
  eventTime: 'landed',
  every: '30m',
  ttl: '6h',
  features: { lateRate: mean('late').over('2h') },
} as const

export const atOrigin = featureView('at_origin', { ...recentLandings, entity: 'origin' })
export const atDestination = featureView('at_destination', {
  ...recentLandings,
  entity: 'destination',
})
export const network = featureView('network', recentLandings)

/** The distance of a pair of airports, from the flights between them so far. */
export const pair = featureView('pair', {
  from: flights,
  entity: ['origin', 'destination'],
  eventTime: 'landed',
  every: '1d',
  ttl: '0',
  features: { distance: last('distance') },
})

export const calendar = transform(
  'calendar',
  { of: flights, from: ['date'], gives: ['hour', 'weekday'] },
  async () => (await import('./transforms/calendar.ts')).calendar,
)

export const delay = endpoint('flight-delay', {
  model: 'flight-delay',
  subject: 'flight',
  input: {
    date: timestamp(),
    origin: airport,
    destination: airport,
    distance: number().matches(pair.distance, { within: 0.02 }),
  },
})

/** What the timetable says. */
const plan = [
  calendar.hour,
  calendar.weekday,
  field('distance'),
  rate('origin'),
  rate('destination'),
]

/** What the last two hours say. */
const lateRates = [atOrigin.lateRate, atDestination.lateRate, network.lateRate]

const fit = (name: string) => step(name, async () => (await import('./steps/fit.ts')).fit)

export const train = pipeline(
  'train',
  { until: day(), window: duration('56d'), seed: int(7) },
  ({ until, window, seed }) => {
    const rows = trainingSet('rows', {
      from: flights,
      every: EVERY_KTH,
      historyBefore: GOES_LIVE,
      served: delay,
      until,
      window,
      holdout: '7d',
      inputs: [...plan, ...lateRates],
    })
    const baseline = step('baseline', async () => (await import('./steps/baseline.ts')).baseline)

    const model = fit('fit')({ rows: rows.train, seed })
    const verdict = gate(
      'worth-shipping',
      { candidate: model, baseline: baseline({ rows: rows.train }), rows: rows.newest },
      card.thresholds,
      { champion: delay },
    )
    register('flight-delay', { model, verdict }, { approvedBy: 'gate' })
  },
)

/** What trees are best at this, by some of January's flights: `gyre tune tune` searches these parameters. */
export const tune = pipeline(
  'tune',
  {
    until: day(),
    seed: int(7),
    learningRate: number(0.1),
    maxLeaves: int(31),
    minRowsPerLeaf: int(50),
  },
  ({ until, seed, ...trees }) => {
    const rows = trainingSet('rows', {
      from: flights,
      every: 60,
      until,
      window: '31d',
      holdout: '7d',
      inputs: [...plan, ...lateRates],
    })
    const candidate = fit('fit')({ rows: rows.train, seed, ...trees })
    gate('newest-week', { candidate, rows: rows.newest }, { auc: { atLeast: 0.5 } })
  },
)

/** What the point-in-time features are worth: January's model with and without them, on February to June. */
export const lift = pipeline('lift', { until: day(), seed: int(7) }, ({ until, seed }) => {
  const period = {
    from: flights,
    every: EVERY_KTH,
    until,
    window: '183d',
    holdout: '152d',
  } as const
  const rows = trainingSet('rows', { ...period, inputs: [...plan, ...lateRates] })
  const planRows = trainingSet('plan-rows', { ...period, inputs: plan })
  const candidate = fit('fit')({ rows: rows.train, seed })
  const baseline = fit('fit-plan')({ rows: planRows.train, seed })
  gate(
    'lift',
    { candidate, baseline, rows: rows.newest },
    { auc: { betterThan: 'baseline', margin: 0.04 } },
  )
})

/** Days to the next holiday. Its list ends with the spring: the fault that the demo injects in June. */
export const holidays = transform(
  'holidays',
  { of: flights, from: ['date'], gives: ['daysToHoliday'] },
  async () => (await import('./transforms/holidays.ts')).holidays,
)

/** A model made in a hurry from four days of May. Its gate refuses it; the demo forces it out all the same. */
export const hurry = pipeline('hurry', { until: day(), seed: int(7) }, ({ until, seed }) => {
  const rows = trainingSet('rows', {
    from: flights,
    every: EVERY_KTH,
    until,
    window: '4d',
    holdout: '1d',
    inputs: [field('distance'), holidays.daysToHoliday],
  })
  const model = fit('fit')({ rows: rows.train, seed })
  const verdict = gate(
    'worth-shipping',
    { candidate: model, rows: rows.newest },
    { auc: { atLeast: 0.65 } },
  )
  register('flight-delay', { model, verdict })
})

export const watch = monitor('flight-delay-weekly', {
  endpoint: delay,
  every: '7d',
  from: GOES_LIVE,
  lag: '2d',
  worseBy: 0.02,
  calibrationWithin: 0.03,
})

export const keepFresh = trigger('keep-fresh', {
  on: delay,
  when: [onQuality(watch), onSchedule('28d')],
  run: train,
  until: 'until',
  with: { window: '56d' },
  cooldown: '14d',
  release: canary({ weight: 0.1, ceiling: 0.01 }),
})

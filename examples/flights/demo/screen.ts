import type { Event } from '@gyre/sdk/wire/event'
import { Json } from '@gyre/sdk/wire/ref'
import type { MonitorWindow } from '@gyre/sdk/wire/monitor'
import { Presets, SingleBar } from 'cli-progress'
import { z } from 'zod'
import { SEARCH } from './gyre.ts'

/** The replay as a person watches it: one moving bar where there is a terminal, plain lines everywhere. */
export interface Screen {
  line(text: string): void
  event(event: Event): void
  window(window: MonitorWindow): void
  progress(day: Date, done: number): void
  close(): void
}

const HEADING =
  'week        n      late    log loss  AUC     calib.   drift (worst PSI)         version'

export function createScreen(total: number): Screen {
  const isLive = process.stdout.isTTY
  const bar = new SingleBar(
    { format: '  {bar} {percentage} %  {day}  {value} of {total} flights', hideCursor: true },
    Presets.shades_classic,
  )
  let isHeaded = false
  let at = { day: '', done: 0 }

  function write(text: string): void {
    if (isLive) process.stdout.write('\u001b[2K\r')
    console.log(text)
    if (isLive && at.day !== '') bar.render()
  }

  return {
    line: write,
    event(event) {
      if (isTrial(event)) return
      const text = describe(event)
      if (text !== undefined) write(`  ${dayOf(event)}  ${text}`)
    },
    window(window) {
      if (!isHeaded) write(HEADING)
      isHeaded = true
      write(row(window))
    },
    progress(day, done) {
      const isFirst = at.day === ''
      at = { day: day.toISOString().slice(0, 10), done }
      if (!isLive) return
      if (isFirst) bar.start(total, 0, at)
      bar.update(done, at)
    },
    close() {
      if (at.day !== '' && isLive) bar.stop()
    },
  }
}

/** The trials of the search are told together. */
function isTrial({ type, subject }: Event): boolean {
  if (type === 'pipeline.started') return subject.id === SEARCH
  return type.startsWith('gate.') && subject.id === 'newest-week'
}

/** The day in event time, where the event knows one. */
function dayOf({ data }: Event): string {
  return (textOf(data, 'at') ?? '').slice(0, 10).padEnd(10)
}

function describe({ type, actor, subject, data }: Event): string | undefined {
  const text = (key: string) => textOf(data, key) ?? ''
  switch (type) {
    case 'dataset.imported':
      return `imported ${subject.id}: ${text('rows')} rows`
    case 'trigger.fired':
      return `trigger ${subject.id}: ${text('message')}`
    case 'pipeline.started':
      return `pipeline ${subject.id} started, on what was known by ${textOf(paramsOf(data), 'until')?.slice(0, 10)}`
    case 'gate.passed':
      return `gate ${subject.id} passed`
    case 'gate.refused':
      return `gate ${subject.id} refused: ${reasonsOf(data).join('; ')}`
    case 'model.registered':
      return `${subject.id} registered`
    case 'model.approved':
      return `${subject.id} approved by ${actor}: ${text('note')}`
    case 'release.opened':
      return `release of ${text('to')} opened: ${text('kind')}${data['forced'] ? `, forced (${text('forced')})` : ''}`
    case 'release.promoted':
      return `release of ${text('to')} promoted: ${text('reason')}`
    case 'release.rolled-back':
      return `release of ${text('from')} ROLLED BACK to ${text('to')}: ${text('reason')}`
    case 'alert.fired':
      return `ALERT ${text('message')}`
    case 'alert.resolved':
      return `alert over: ${text('message')}`
    case 'retrain.rejected':
      return `retraining REJECTED: ${text('reason')}`
    default:
      return undefined
  }
}

type Data = Event['data']

function textOf(data: Data, key: string): string | undefined {
  const value = data[key]
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined
}

function paramsOf({ params }: Data): Data {
  return z.record(z.string(), Json).catch({}).parse(params)
}

function reasonsOf({ reasons }: Data): readonly string[] {
  return z.array(z.string()).catch([]).parse(reasons)
}

function row(window: MonitorWindow): string {
  const day = window.start.slice(0, 10)
  if (window.state === 'not_enough_data') return `${day}  ${pad(window.n, 5)}  not enough data`
  const worst = Object.entries(window.drift)
    .map(([feature, { psi }]) => ({ feature, psi: psi ?? 0 }))
    .toSorted((a, b) => b.psi - a.psi)[0]
  const drift = worst ? `${worst.feature} ${worst.psi.toFixed(3)}` : ''
  const told = window.partial ? 'not closed: not judged' : drift
  return [
    day,
    pad(window.n, 5),
    fixed(window.lateRate, 3),
    fixed(window.logLoss, 4),
    fixed(window.auc, 4),
    fixed(window.calibration, 4),
    told.padEnd(26),
    window.modelVersion ?? '',
  ].join('  ')
}

function pad(value: number, width: number): string {
  return String(value).padStart(width)
}

function fixed(value: number | null, digits: number): string {
  return (value === null ? '–' : value.toFixed(digits)).padStart(digits + 3)
}

import type { GyreClient } from '@gyre/sdk/client'
import { DatasetVersion } from '@gyre/sdk/wire/dataset'
import { Event } from '@gyre/sdk/wire/event'
import { Manifest } from '@gyre/sdk/wire/manifest'
import { Alert, MonitorWindow } from '@gyre/sdk/wire/monitor'
import { Release } from '@gyre/sdk/wire/release'
import { Retrain } from '@gyre/sdk/wire/trigger'
import { z } from 'zod'
import { HURRY_FROM_MS, KILOMETRES, OUTAGE } from './faults.ts'
import { ENDPOINT, MONITOR } from './gyre.ts'
import { readReproductions, readSearch } from './search.ts'

const Counts = z.object({ predictions: z.number(), feedback: z.number(), errors: z.number() })

/** What happened, read back from Gyre. */
export async function readSummary(client: GyreClient) {
  const store = await readStore(client)
  const { dataset, manifest, windows, retrains, releases, events, counts } = store
  return {
    data: { rows: dataset.rows, everyKth: trainingRows(manifest).every, digest: dataset.digest },
    features: trainingRows(manifest).inputs.map(({ name }) => name),
    weeks: windows.map((window) => ({
      start: window.start,
      partial: window.partial,
      n: window.n,
      lateRate: window.lateRate,
      psi: Object.fromEntries(
        Object.entries(window.drift).map(([feature, { psi }]) => [feature, psi] as const),
      ),
      scorePsi: window.scoreDrift?.psi ?? null,
      logLoss: window.logLoss,
      auc: window.auc,
      calibration: window.calibration,
      latencyP50Ms: window.latencyP50Ms,
      latencyP99Ms: window.latencyP99Ms,
      modelVersion: window.modelVersion,
    })),
    retrains: retrains.map(({ trigger, why, at, candidate, champion, verdict, state, reason }) => ({
      trigger,
      why: why.message,
      at,
      candidate,
      champion,
      metrics: verdict?.metrics ?? null,
      verdict: state === 'released' ? 'accepted' : state,
      reason,
    })),
    releases: releases.map(({ at, from, to, kind, state, forced, analysis }) => ({
      at,
      from,
      to,
      kind,
      verdict: state,
      forced,
      reason: analysis?.reason ?? null,
    })),
    search: await readSearch(client),
    reproductions: await readReproductions(client),
    faults: faultsOf(store),
    totals: { ...counts, seconds: secondsOf(events) },
  }
}

type Store = Awaited<ReturnType<typeof readStore>>

async function readStore(client: GyreClient) {
  const list = async <T>(path: string, key: string, item: z.ZodType<T>): Promise<T[]> =>
    (await client.get(path, z.record(z.literal(key), z.array(item))))[key] ?? []
  const [dataset] = await list('/api/v1/datasets?name=flights', 'versions', DatasetVersion)
  if (!dataset) throw new Error('the dataset flights was not imported')
  const { manifest } = await client.get('/api/v1/project', z.object({ manifest: Manifest }))
  const releases = await list(`/api/v1/releases?endpoint=${ENDPOINT}`, 'releases', Release)
  return {
    dataset,
    manifest,
    windows: await list(`/api/v1/monitors/${MONITOR}/windows`, 'windows', MonitorWindow),
    retrains: await list(`/api/v1/retrains?endpoint=${ENDPOINT}`, 'retrains', Retrain),
    releases: releases.toReversed(),
    alerts: await list('/api/v1/alerts', 'alerts', Alert),
    events: await readEvents(client),
    counts: await client.get(`/api/v1/endpoints/${ENDPOINT}/counts`, Counts),
  }
}

async function readEvents(client: GyreClient): Promise<readonly Event[]> {
  const events: Event[] = []
  for (;;) {
    const after = events.at(-1)?.seq ?? 0
    const page = await client.get(
      `/api/v1/event-log?after=${after}&limit=1000`,
      z.object({ events: z.array(Event) }),
    )
    if (page.events.length === 0) return events
    events.push(...page.events)
  }
}

function trainingRows({ pipelines }: Manifest) {
  const steps = pipelines.find(({ name }) => name === 'train')?.steps ?? []
  const rows = steps.find((step) => step.kind === 'training-set')
  if (!rows) throw new Error('the pipeline train has no training rows')
  return rows.spec
}

/** The injected faults, each with when Gyre noticed and what it did. */
function faultsOf({ windows, alerts, releases, events }: Store) {
  const outage = windows.find(({ start }) => Date.parse(start) === OUTAGE.startMs)
  const kilometres = alerts.find(
    ({ at, message }) => Date.parse(at) > KILOMETRES.startMs && /distance|quarantin/i.test(message),
  )
  const inKilometres = windows.find(({ start }) => Date.parse(start) === KILOMETRES.startMs)
  const hurried = releases.find(({ forced }) => forced !== null)
  return [
    {
      kind: 'outage: most traffic dropped for a week',
      injectedAt: new Date(OUTAGE.startMs).toISOString(),
      detectedAt: outage?.state === 'not_enough_data' ? outage.end : null,
      action:
        outage?.state === 'not_enough_data'
          ? 'not enough data: no numbers, nothing to act on'
          : null,
    },
    {
      kind: 'distance in kilometres for a week',
      injectedAt: new Date(KILOMETRES.startMs).toISOString(),
      detectedAt: kilometres?.at ?? null,
      action:
        kilometres && inKilometres
          ? `${treatmentOf(inKilometres)}; alert: ${kilometres.message}`
          : null,
    },
    {
      kind: 'broken model forced past its gate',
      injectedAt: hurried?.at ?? new Date(HURRY_FROM_MS).toISOString(),
      detectedAt: takenBackAt(events, hurried),
      action:
        hurried?.state === 'rolled_back'
          ? `rolled back: ${hurried.analysis?.reason ?? hurried.reason}`
          : null,
    },
  ]
}

/** What became of a window's requests. */
function treatmentOf({ predictions, errors, quarantined }: MonitorWindow): string {
  return `of ${predictions} requests ${predictions - errors} answered and ${quarantined} quarantined`
}

/** The event time at which the analysis took a release back. */
function takenBackAt(events: readonly Event[], release: Release | undefined): string | null {
  const taken = events.find(
    ({ type, data }) => type === 'release.rolled-back' && data['releaseId'] === release?.id,
  )
  return z.string().nullable().catch(null).parse(taken?.data['at'])
}

/** From the first event to the last. */
function secondsOf(events: readonly Event[]): number {
  const [first, last] = [events[0], events.at(-1)]
  return first && last ? (Date.parse(last.at) - Date.parse(first.at)) / 1_000 : 0
}

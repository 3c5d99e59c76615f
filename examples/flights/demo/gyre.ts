import { spawn } from 'node:child_process'
import type { GyreClient } from '@gyre/sdk/client'
import { RequestError } from '@gyre/sdk/client'
import { MaterializeReply } from '@gyre/sdk/wire/feature'
import { EndpointSpec } from '@gyre/sdk/wire/endpoint'
import { PipelineRun } from '@gyre/sdk/wire/pipeline'
import { FeedbackReply, PredictReply, type FeedbackItem } from '@gyre/sdk/wire/predict'
import { Release, RouteState, type OpenRelease } from '@gyre/sdk/wire/release'
import { z } from 'zod'

export const ENDPOINT = 'flight-delay'
export const MONITOR = 'flight-delay-weekly'
/** The pipeline whose parameters are searched, and its study. */
export const SEARCH = 'tune'

const Endpoints = z.object({
  endpoints: z.array(z.object({ spec: EndpointSpec, route: RouteState })),
})

/** What a request for one flight says; all else is looked up by the server. */
export interface Question {
  readonly subject: string
  readonly at: string
  readonly input: {
    readonly date: string
    readonly origin: string
    readonly destination: string
    readonly distance: number
  }
}

/** The verbs of a running Gyre that the replay needs, over its public API. */
export function gyreVerbs(client: GyreClient) {
  const endpointPath = `/api/v1/endpoints/${ENDPOINT}`
  return {
    /** A prediction's id; undefined when the server answered with an error of its own. */
    async predict(question: Question): Promise<string | undefined> {
      try {
        return (await client.post(`/predict/${ENDPOINT}`, question, PredictReply)).prediction_id
      } catch (error) {
        if (error instanceof RequestError && error.status >= 500) return undefined
        throw error
      }
    },
    async feedback(items: readonly FeedbackItem[]): Promise<void> {
      if (items.length > 0) await client.post('/feedback', { items }, FeedbackReply)
    },
    async materialize(until: string): Promise<void> {
      await client.post('/api/v1/features/materialize', { until }, MaterializeReply)
    },
    async settle(at: string): Promise<void> {
      await client.post(`${endpointPath}/settle`, { at }, z.object({ at: z.string() }))
    },
    /** Judges what is left open, as if event time had come to `until`. */
    async judgeRest(until: string): Promise<void> {
      await client.post(`/api/v1/monitors/${MONITOR}/check`, { until }, z.unknown())
    },
    async runPipeline(name: string, params: Record<string, string>): Promise<PipelineRun> {
      const started = await client.post(`/api/v1/pipelines/${name}/runs`, { params }, PipelineRun)
      const ended = await client.get(`/api/v1/pipeline-runs/${started.id}?wait=true`, PipelineRun)
      if (ended.status === 'succeeded') return ended
      const failed = ended.steps.find(({ state }) => state === 'failed')
      throw new Error(`pipeline ${name}: step ${failed?.step} failed: ${failed?.error?.message}`)
    },
    async release(
      request: Pick<OpenRelease, 'model' | 'force' | 'at'> & { plan: object },
    ): Promise<Release> {
      return client.post(`${endpointPath}/releases`, request, Release)
    },
    async route(): Promise<RouteState | undefined> {
      const { endpoints } = await client.get('/api/v1/endpoints', Endpoints)
      return endpoints.find(({ spec }) => spec.name === ENDPOINT)?.route
    },
  }
}

export type Gyre = ReturnType<typeof gyreVerbs>

/** The version that a pipeline run registered. */
export function registeredBy(run: PipelineRun): string {
  const step = run.steps.find(({ kind }) => kind === 'register')
  return z.object({ ref: z.string() }).parse(step?.outputs).ref
}

/** Runs a `gyre` command line, as a user would, and gives what it printed. Throws with that where it fails. */
export async function gyreCommand(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [command, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let printed = ''
  child.stdout.on('data', (chunk) => (printed += String(chunk)))
  child.stderr.on('data', (chunk) => (printed += String(chunk)))
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  if (code !== 0) throw new Error(`gyre ${args.join(' ')}: ${printed.trim()}`)
  return printed
}

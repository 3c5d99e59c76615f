import { z } from 'zod'

/** Where MLflow's client searches for runs. */
export const SEARCH_PATH = '/api/2.0/mlflow/runs/search'

const Started = z.object({ run: z.object({ info: z.object({ run_id: z.string() }) }) })

/** Starts a run of `Default` through MLflow's API; gives its id. */
export async function startRun(port: number): Promise<string> {
  const request = { experiment_id: '0', start_time: Date.now() }
  const response = await post(port, '/api/2.0/mlflow/runs/create', JSON.stringify(request))
  return Started.parse(await response.json()).run.info.run_id
}

/** Whether a search is answered in time; one that is not is left alone. */
export async function answersWithin(port: number, body: string, ms: number): Promise<boolean> {
  try {
    const response = await post(port, SEARCH_PATH, body, AbortSignal.timeout(ms))
    await response.arrayBuffer()
    return true
  } catch (error) {
    if (error instanceof DOMException && error.name === 'TimeoutError') return false
    throw error
  }
}

async function post(
  port: number,
  path: string,
  body: string,
  signal?: AbortSignal,
): Promise<Response> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
    ...(signal ? { signal } : {}),
  })
  if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${await response.text()}`)
  return response
}

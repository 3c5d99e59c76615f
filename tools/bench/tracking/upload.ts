import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { request, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { atLeast, atMost, type BenchLine } from '../line.ts'
import { median } from '../median.ts'
import { startGyre, type Program } from '../program.ts'
import { startRun } from './client.ts'

const REPEATS = 3

/** Of the file, and of what is written of it at once. */
const [FILE_BYTES, CHUNK_BYTES] = [1 << 30, 1 << 20]

/** A server that keeps in memory what has not reached the disk grows by most of the file: a tenth is flat. */
const FLAT_MB = FILE_BYTES / 1e6 / 10

const WATCH_EVERY_MS = 50

/** A file of 1 GiB put as an artifact of a run, beside the same bytes written to the same disk and synced. */
export async function benchUpload(): Promise<BenchLine[]> {
  const folder = await mkdtemp(join(tmpdir(), 'gyre-bench-'))
  const gyre = await startGyre(join(folder, 'gyre'))
  try {
    const run = await startRun(gyre.port)
    const artifacts = `/api/2.0/mlflow-artifacts/artifacts/0/${run}/artifacts`
    const rounds: UploadRound[] = []
    const idleMb = await residentMb(gyre)
    for (let repeat = 0; repeat <= REPEATS; repeat++) {
      const target = { path: `${artifacts}/${repeat}.bin`, file: join(folder, 'file') }
      const round = await uploadRound(gyre, idleMb, target)
      if (repeat > 0) rounds.push(round)
    }
    return linesOf(rounds)
  } finally {
    await gyre.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

interface UploadRound {
  /** MB/s. */
  readonly ours: number
  readonly disk: number
  /** Most that the server's memory was above what it was before the first upload. */
  readonly grownMb: number
}

async function uploadRound(
  gyre: Program,
  idleMb: number,
  { path, file }: { readonly path: string; readonly file: string },
): Promise<UploadRound> {
  const bytes = Array.from({ length: 8 }, () => randomBytes(CHUNK_BYTES))
  const done = new AbortController()
  const peak = peakMb(gyre, done.signal)
  const ours = await rateOf(() => upload(gyre.port, path, bytes))
  done.abort()
  const grownMb = (await peak) - idleMb
  const disk = await rateOf(() => write(file, bytes))
  await rm(file)
  return { ours, disk, grownMb }
}

async function rateOf(put: () => Promise<void>): Promise<number> {
  const startedMs = performance.now()
  await put()
  return FILE_BYTES / 1e3 / (performance.now() - startedMs)
}

/** The file, of a few chunks again and again. */
function* chunksOf(bytes: readonly Buffer[]): Generator<Buffer> {
  for (let i = 0; i < FILE_BYTES / CHUNK_BYTES; i++) yield bytes[i % bytes.length] ?? Buffer.of()
}

async function upload(port: number, path: string, bytes: readonly Buffer[]): Promise<void> {
  const headers = { 'content-length': FILE_BYTES }
  const sending = request({ host: '127.0.0.1', port, path, method: 'PUT', headers })
  const answered = once(sending, 'response')
  Readable.from(chunksOf(bytes)).pipe(sending)
  const [response]: IncomingMessage[] = await answered
  response?.resume()
  if (response?.statusCode !== 200) throw new Error(`PUT ${path}: ${response?.statusCode}`)
}

async function write(path: string, bytes: readonly Buffer[]): Promise<void> {
  await using file = await open(path, 'w')
  for (const chunk of chunksOf(bytes)) await file.write(chunk)
  await file.sync()
}

async function residentMb(program: Program): Promise<number> {
  return (await program.usage()).rssBytes / 1e6
}

async function peakMb(program: Program, done: AbortSignal): Promise<number> {
  let peak = 0
  while (!done.aborted) {
    peak = Math.max(peak, await residentMb(program))
    await delay(WATCH_EVERY_MS)
  }
  return peak
}

function linesOf(rounds: readonly UploadRound[]): BenchLine[] {
  const name = 'artifact of 1 GiB'
  const ratio = median(rounds.map(({ ours, disk }) => ours / disk))
  const peer = { name: 'write and fsync', value: median(rounds.map(({ disk }) => disk)), ratio }
  return [
    {
      name: `${name}, upload`,
      ours: median(rounds.map(({ ours }) => ours)),
      unit: 'MB/s',
      peer,
      bound: atLeast('ratio', 0.7),
    },
    {
      name: `${name}, memory meanwhile`,
      ours: median(rounds.map(({ grownMb }) => grownMb)),
      unit: 'MB above idle',
      bound: atMost('ours', Math.round(FLAT_MB)),
    },
  ]
}

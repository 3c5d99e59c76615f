import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { FEATURES } from './bench-model.ts'
import { startProgram, type Program } from './program.ts'
import { ensureVenv } from './python.ts'
import type { Workload } from './workload.ts'

/** With the event loop and the HTTP parser in C that uvicorn takes when they are there. */
const PACKAGES = [
  'fastapi==0.165.0',
  'uvicorn==0.54.0',
  'uvloop==0.23.0',
  'httptools==0.9.0',
  'pydantic==2.14.3',
  'onnxruntime==1.30.0',
  'numpy==2.2.6',
]

const SCRIPT = fileURLToPath(new URL('fastapi_peer.py', import.meta.url))

/** Serves the model of `workload` at `POST /predict`; undefined, and said so, where there is no Python for it. */
export async function startFastApi(
  folder: string,
  { onnx, spec, title }: Workload,
): Promise<Program | undefined> {
  const python = await ensureVenv(PACKAGES, `${title} against FastAPI`)
  if (python === undefined) return undefined
  const files = { onnx: join(folder, 'peer.onnx'), settings: join(folder, 'peer.json') }
  await writeFile(files.onnx, onnx)
  const rates = spec(`sha256:${'0'.repeat(64)}`).rates['origin_rate']?.values ?? {}
  const settings = { onnx: files.onnx, rates, features: FEATURES.map(() => 0.5) }
  await writeFile(files.settings, JSON.stringify(settings))
  return startProgram(python, [SCRIPT, files.settings])
}

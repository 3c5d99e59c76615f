import { resolve } from 'node:path'
import { z } from 'zod'
import { GyreError } from './errors.ts'

/** Everything an operator may set. Flags beat the environment, the environment beats `gyre.json`. */
export const Config = z.strictObject({
  port: z.coerce.number().int().min(0).max(65535).default(7400),
  host: z.string().min(1).default('127.0.0.1'),
  data: z.string().min(1).default('.gyre'),
  /** `Host` headers that are answered besides loopback names; others get 421. */
  allowedHosts: z.array(z.string().min(1)).default([]),
  logLevel: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  /** `deny`: Gyre opens no connection but to the hosts in `egressAllow`. */
  egress: z.enum(['deny', 'allow']).default('deny'),
  egressAllow: z.array(z.string().min(1)).default([]),
  /** Inference worker threads; 0 = one per core, less one for the event loop. */
  inferenceWorkers: z.coerce.number().int().min(0).max(64).default(0),
  analyticsMemoryMb: z.coerce.number().int().min(128).default(1024),
  maxBodyBytes: z.coerce.number().int().min(1024).default(1_048_576),
})
export type Config = z.infer<typeof Config>

export type ConfigInput = { readonly [K in keyof Config]?: Config[K] | string | undefined }

const ENVIRONMENT = {
  GYRE_PORT: 'port',
  GYRE_HOST: 'host',
  GYRE_DATA: 'data',
  GYRE_LOG_LEVEL: 'logLevel',
  GYRE_INFERENCE_WORKERS: 'inferenceWorkers',
  GYRE_ANALYTICS_MEMORY_MB: 'analyticsMemoryMb',
} as const satisfies Record<string, keyof Config>

/** Reads configuration once. Throws INVALID_ARGUMENT naming the key and what was expected. */
export function readConfig(
  flags: ConfigInput,
  environment: NodeJS.ProcessEnv = process.env,
): Config {
  const fromEnvironment = Object.fromEntries(
    Object.entries(ENVIRONMENT).flatMap(([variable, key]) =>
      environment[variable] === undefined ? [] : [[key, environment[variable]]],
    ),
  )
  const given = Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined))
  const parsed = Config.safeParse({ ...fromEnvironment, ...given })
  if (!parsed.success) throw configError(parsed.error)
  return { ...parsed.data, data: resolve(parsed.data.data) }
}

function configError(error: z.ZodError): GyreError {
  const [issue] = error.issues
  const unknownKey = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined
  const field = unknownKey ?? issue?.path.join('.') ?? ''
  return new GyreError('INVALID_ARGUMENT', `configuration ${field}: ${issue?.message}`, { field })
}

/** What a child process may inherit: enough to find programs and a temp folder, no secrets. */
export function childEnvironment(
  extra: Readonly<Record<string, string>> = {},
  environment: NodeJS.ProcessEnv = process.env,
): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const name of ['PATH', 'HOME', 'TMPDIR', 'LANG', 'TZ', 'NODE_OPTIONS']) {
    const value = environment[name]
    if (value !== undefined) kept[name] = value
  }
  return { ...kept, ...extra }
}

/** One variable of the environment, for programs that are handed their parameters that way (runner). */
export function environmentVariable(name: string): string | undefined {
  return process.env[name]
}

import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { errnoOf, GyreError } from './errors.ts'

/** Parts that can be had one by one; what is off opens no door, starts no thread, process or timer. */
export const MODULES = [
  'data',
  'features',
  'pipelines',
  'tracking',
  'registry',
  'serving',
  'monitoring',
] as const
export type Module = (typeof MODULES)[number]

/** What has no meaning without another: views are of datasets, releases of versions, windows of answers. */
const STANDS_ON: Partial<Readonly<Record<Module, readonly Module[]>>> = {
  features: ['data'],
  serving: ['registry'],
  monitoring: ['serving'],
}

function withFoundations(named: readonly Module[]): Module[] {
  const wanted = new Set(named)
  for (const module of wanted) for (const below of STANDS_ON[module] ?? []) wanted.add(below)
  return MODULES.filter((module) => wanted.has(module))
}

/** A number in a file, digits on the command line. */
const number = () =>
  z.coerce.number({
    error: ({ code }) => (code === 'invalid_type' ? 'expected a number' : undefined),
  })

/** A list in a file, `a,b` on the command line; with those that the named ones stand on. */
const Modules = z.preprocess(
  (given) => (typeof given === 'string' ? given.split(',').map((name) => name.trim()) : given),
  z.array(z.enum(MODULES)).min(1).transform(withFoundations),
)

/** A flag without a value on the command line, a word in the environment. */
const flag = () =>
  z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')])

/**
 * Everything an operator may set. Flags beat the environment, the environment beats the file `gyre.json` in the
 * folder where Gyre is started.
 */
export const Config = z.strictObject({
  port: number().int().min(0).max(65535).default(7400),
  host: z.string().min(1).default('127.0.0.1'),
  data: z.string().min(1).default('.gyre'),
  /** All unless told. */
  modules: Modules.default([...MODULES]),
  /** `Host` headers that are answered besides loopback names; others get 421. */
  allowedHosts: z.array(z.string().min(1)).default([]),
  logLevel: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  /** `deny`: the server opens no connection but to the hosts in `egressAllow`. Steps are the user's own code. */
  egress: z.enum(['deny', 'allow']).default('deny'),
  egressAllow: z.array(z.string().min(1)).default([]),
  /** Inference worker threads; 0 = one per core, less one for the event loop. */
  inferenceWorkers: number().int().min(0).max(64).default(0),
  /** Models may be read that run whatever code they hold; in processes of their own, never in the server's. */
  allowPickle: flag().default(false),
  analyticsMemoryMb: number().int().min(128).default(1024),
  maxBodyBytes: number().int().min(1024).default(1_048_576),
  /** Of a request with tensors. */
  maxTensorBytes: number().int().min(1024).default(67_108_864),
  /** Where the Open Inference Protocol is spoken over gRPC; nowhere unless told. */
  grpcPort: z.exactOptional(number().int().min(0).max(65535)),
  /** Under which the models' status is told in TensorFlow Serving's words, besides asking them: `/tfserving`. */
  tfServingPrefix: z.exactOptional(
    z.string().regex(/^(\/[\w.-]+)+$/, 'expected a path such as /tfserving'),
  ),
  /** How long a server that was told to stop still takes requests, while it says that it is not ready. */
  drainDelayMs: number().int().min(0).max(600_000).default(0),
  /** A folder of models as Triton reads them, which is served as it lies; none unless told. */
  modelRepository: z.exactOptional(z.string().min(1)),
  /** How often that folder is looked at; 0 = when the server starts, and when it is told to. */
  pollSeconds: number().min(0).max(86_400).default(15),
})
export type Config = z.infer<typeof Config>

export type ConfigInput = { readonly [K in keyof Config]?: Config[K] | string | undefined }

const ENVIRONMENT = {
  GYRE_PORT: 'port',
  GYRE_GRPC_PORT: 'grpcPort',
  GYRE_HOST: 'host',
  GYRE_MODEL_REPOSITORY: 'modelRepository',
  GYRE_POLL_SECONDS: 'pollSeconds',
  GYRE_DATA: 'data',
  GYRE_MODULES: 'modules',
  GYRE_ALLOW_PICKLE: 'allowPickle',
  GYRE_LOG_LEVEL: 'logLevel',
  GYRE_INFERENCE_WORKERS: 'inferenceWorkers',
  GYRE_ANALYTICS_MEMORY_MB: 'analyticsMemoryMb',
  GYRE_DRAIN_DELAY_MS: 'drainDelayMs',
} as const satisfies Record<string, keyof Config>

const FILE = 'gyre.json'

/** Reads configuration once. Throws INVALID_ARGUMENT naming the flag, variable or key and what was expected. */
export function readConfig(
  flags: ConfigInput,
  environment: NodeJS.ProcessEnv = process.env,
  folder = '.',
): Config {
  const sources = [flagsOf(flags), environmentOf(environment), fileOf(join(folder, FILE))]
  const parsed = Config.safeParse(Object.assign({}, ...sources.map(valuesOf).toReversed()))
  if (!parsed.success) throw configError(parsed.error, sources)
  const { data, modelRepository } = parsed.data
  return {
    ...parsed.data,
    data: resolve(data),
    ...(modelRepository !== undefined && { modelRepository: resolve(modelRepository) }),
  }
}

/** What one place says, and what each key is called there. */
interface Source {
  readonly values: ReadonlyMap<string, unknown>
  nameOf(key: string): string
}

const valuesOf = ({ values }: Source): object => Object.fromEntries(values)

function flagsOf(flags: ConfigInput): Source {
  const given = Object.entries(flags).filter(([, value]) => value !== undefined)
  return {
    values: new Map(given),
    nameOf: (key) => `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
  }
}

function environmentOf(environment: NodeJS.ProcessEnv): Source {
  const set = Object.entries(ENVIRONMENT).filter(
    ([variable]) => environment[variable] !== undefined,
  )
  return {
    values: new Map(set.map(([variable, key]) => [key, environment[variable]])),
    nameOf: (key) => set.find(([, setKey]) => setKey === key)?.[0] ?? key,
  }
}

function fileOf(path: string): Source {
  return { values: new Map(Object.entries(readObject(path))), nameOf: (key) => `${FILE}: ${key}` }
}

function readObject(path: string): object {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return {}
    const reason = error instanceof SyntaxError ? ` (${error.message})` : ''
    throw new GyreError(
      'INVALID_ARGUMENT',
      `${FILE}: expected a JSON object${reason}`,
      { field: FILE },
      error,
    )
  }
}

function configError({ issues }: z.ZodError, sources: readonly Source[]): GyreError {
  const [issue] = issues
  const isUnknown = issue?.code === 'unrecognized_keys'
  const path = (isUnknown ? issue.keys : issue?.path) ?? []
  const field = path.join('.')
  const source = sources.find(({ values }) => values.has(String(path[0])))
  const expected = isUnknown
    ? `no such setting; there are ${Object.keys(Config.shape).join(', ')}`
    : `${issue?.message}, got ${JSON.stringify(source?.values.get(String(path[0])))}`
  return new GyreError('INVALID_ARGUMENT', `${source?.nameOf(field) ?? field}: ${expected}`, {
    field,
  })
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

/** What a program that the user starts through Gyre finds: all that the user has, and `extra`. */
export function userEnvironment(
  extra: Readonly<Record<string, string | undefined>> = {},
): Record<string, string> {
  const all = Object.entries({ ...process.env, ...extra })
  return Object.fromEntries(
    all.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
}

/** Sets variables of this process, for programs that are told their parameters after they have started (runner). */
export function setEnvironment(variables: Readonly<Record<string, string>>): void {
  Object.assign(process.env, variables)
}

/** One variable of the environment, for programs that are handed their parameters that way (runner). */
export function environmentVariable(name: string): string | undefined {
  return process.env[name]
}

import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { parse, YAMLParseError } from 'yaml'
import { z } from 'zod'
import { GyreError } from '../../core/errors.ts'
import { shellQuote } from './shell-quote.ts'

const Type = z.enum(['string', 'float', 'path', 'uri'])

/** Numbers and truth values of YAML are texts on a command line. */
const Scalar = z.union([z.string(), z.number(), z.boolean()]).transform(String)

/** `name: type`, or type and default; without a type a text. */
const Parameter = z.union([
  Type.transform((type) => ({ type, default: undefined })),
  z
    .strictObject({ type: Type.default('string'), default: Scalar.nullish() })
    .transform(({ type, default: preset }) => ({ type, default: preset ?? undefined })),
])
type Parameter = z.infer<typeof Parameter>

const EntryPoint = z.strictObject({
  parameters: z
    .record(z.string(), Parameter)
    .nullish()
    .transform((given) => given ?? {}),
  command: z.string({ error: 'expected the command that it runs, as text' }).min(1),
})
export type EntryPoint = z.infer<typeof EntryPoint>

/** The file that makes a folder a project, as MLflow documents it. */
const MlProject = z.strictObject({
  name: z.exactOptional(z.string().min(1)),
  python_env: z.exactOptional(z.string().min(1)),
  conda_env: z.exactOptional(z.unknown()),
  docker_env: z.exactOptional(z.unknown()),
  entry_points: z.record(z.string(), EntryPoint).default({}),
})
export type MlProject = z.infer<typeof MlProject>

/** Throws INVALID_ARGUMENT naming the file and its member. */
export function readMlProject(shown: string, text: string): MlProject {
  return readYaml(MlProject, shown, text)
}

/** Throws INVALID_ARGUMENT naming the file and its member. */
export function readYaml<T>(shape: z.ZodType<T>, shown: string, text: string): T {
  const { success, data, error } = shape.safeParse(yamlOf(shown, text))
  if (success) return data
  const [issue] = error.issues
  const field = issue?.path.join('.') ?? ''
  throw new GyreError(
    'INVALID_ARGUMENT',
    `${shown}: ${field === '' ? '' : `${field}: `}${issue?.message}`,
    {
      field: field === '' ? shown : field,
    },
  )
}

function yamlOf(shown: string, text: string): unknown {
  try {
    return parse(text) ?? {}
  } catch (thrown) {
    if (!(thrown instanceof YAMLParseError)) throw thrown
    throw new GyreError('INVALID_ARGUMENT', `${shown}: ${thrown.message}`, { field: shown }, thrown)
  }
}

/** Where relative paths of parameters lead: given ones from the caller's folder, presets from the project. */
export interface Folders {
  readonly caller: string
  readonly project: string
}

/** A shell command with its parameters, and those that it has got, as they were told. */
export interface FilledCommand {
  readonly command: string
  readonly params: Readonly<Record<string, string>>
}

/**
 * Puts parameters into the template: `{name}` is the value, quoted for the shell, `{{` a brace. Those that the entry
 * point does not name follow as `--name value`. Throws INVALID_ARGUMENT naming the parameter.
 */
export function fillCommand(
  entry: string,
  { command, parameters }: EntryPoint,
  given: ReadonlyMap<string, string>,
  folders: Folders,
): FilledCommand {
  const params: Record<string, string> = {}
  const values = new Map<string, string>()
  for (const [name, parameter] of Object.entries(parameters)) {
    const told = given.get(name) ?? parameter.default
    if (told === undefined)
      throw refused(name, `entry point ${entry} needs it, and has no default: -P ${name}=…`)
    params[name] = told
    values.set(
      name,
      valueOf(name, parameter, told, given.has(name) ? folders.caller : folders.project),
    )
  }
  const filled = command.replaceAll(
    /\{\{|\}\}|\{([^{}]*)\}/g,
    (found, name: string | undefined) => {
      if (name === undefined) return found.slice(1)
      const value = values.get(name)
      if (value === undefined)
        throw refused(
          name,
          `entry point ${entry} has it in its command and not among its parameters`,
        )
      return shellQuote(value)
    },
  )
  const extra = [...given].filter(([name]) => !values.has(name))
  for (const [name, value] of extra) params[name] = value
  const words = extra.flatMap(([name, value]) => [shellQuote(`--${name}`), shellQuote(value)])
  return { command: [filled, ...words].join(' '), params }
}

function valueOf(name: string, { type }: Parameter, told: string, from: string): string {
  if (type === 'string') return told
  if (type === 'float') {
    if (told.trim() !== '' && !Number.isNaN(Number(told))) return told
    throw refused(name, `expected a number, got ${told}`)
  }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(told)) {
    if (type === 'uri') return told
    throw refused(
      name,
      `expected a path of this machine, got ${told}; fetch it first, or make it a uri`,
    )
  }
  const path = resolve(from, told)
  if (existsSync(path)) return path
  throw refused(name, `no such file or folder: ${told} (looked for ${path})`)
}

function refused(name: string, message: string): GyreError {
  return new GyreError('INVALID_ARGUMENT', `param ${name}: ${message}`, { field: `param.${name}` })
}

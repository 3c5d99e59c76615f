import type { Resources } from '../wire/resources.ts'
import { DefinitionError } from './definition-error.ts'

/** Bytes, or `512 MiB`, `1.5 GiB`, `2Gi`: powers of 1024. */
export type Size = number | `${number}${'' | ' '}${'Ki' | 'Mi' | 'Gi' | 'Ti'}${'' | 'B'}`

/** What a step takes of its machine: it starts when so much is free, and gets no more memory than that. */
export interface ResourceOptions {
  /** Cores, up to 1024; half of one is 0.5. A Python step that names no `threads` may take as many, one at least. */
  readonly cpu?: number
  /** Of all its processes together; a step that takes more is ended as `OUT_OF_MEMORY`. */
  readonly memory?: Size
  /** Devices, 1 to 64, that no other step uses meanwhile. */
  readonly gpu?: number
}

const MOST_CPU = 1024
const MOST_GPU = 64

/** Resources as the manifest says them. Throws DefinitionError naming the member. */
export function resourcesSpec(field: string, given: ResourceOptions): Resources {
  const { cpu, memory, gpu } = given
  if (cpu === undefined && memory === undefined && gpu === undefined)
    throw new DefinitionError(field, 'expected cpu, memory or gpu')
  if (cpu !== undefined && !(cpu > 0 && cpu <= MOST_CPU))
    throw new DefinitionError(
      `${field}.cpu`,
      `expected cores above 0 and up to ${MOST_CPU}, got ${cpu}`,
    )
  if (gpu !== undefined && !(Number.isInteger(gpu) && gpu >= 1 && gpu <= MOST_GPU))
    throw new DefinitionError(`${field}.gpu`, `expected 1 to ${MOST_GPU} devices, got ${gpu}`)
  return {
    ...(cpu !== undefined && { cpu }),
    ...(memory !== undefined && { memoryBytes: bytesOf(`${field}.memory`, memory) }),
    ...(gpu !== undefined && { gpu }),
  }
}

const EXPONENTS = { Ki: 1, Mi: 2, Gi: 3, Ti: 4 } as const

function bytesOf(field: string, size: Size): number {
  const bytes = typeof size === 'number' ? size : parsed(size)
  if (bytes !== undefined && Number.isSafeInteger(bytes) && bytes > 0) return bytes
  throw new DefinitionError(
    field,
    `expected bytes, or a text like '512 MiB' or '2Gi', got ${JSON.stringify(size)}`,
  )
}

function parsed(text: string): number | undefined {
  const [, number, unit] = /^(\d+(?:\.\d+)?) ?(Ki|Mi|Gi|Ti)B?$/.exec(text) ?? []
  const exponent = Object.entries(EXPONENTS).find(([name]) => name === unit)?.[1]
  return exponent === undefined ? undefined : Math.round(Number(number) * 1024 ** exponent)
}

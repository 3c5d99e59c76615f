import { z } from 'zod'
import { ColumnContract } from './dataset.ts'
import { Name } from './ref.ts'

const HEADER_NAME = 'expected the name of a header in lower case'

/** How the model of an endpoint that takes tensors is run. */
export const RunSettings = z.strictObject({
  /** The most rows of a run that callers share; 0: the first axis counts no rows, and nobody shares. 32 unless told. */
  maxBatch: z.exactOptional(z.int().min(0).max(65_536)),
  /** False: each request is run alone. */
  shares: z.boolean().default(true),
  /** Rows that are run as soon as so many wait, in ascending order. */
  preferredRows: z.array(z.int().min(1)).max(64).default([]),
  /** How long a request may wait for company, in microseconds; 0: it never does where a worker is free. */
  maxDelayUs: z.int().min(0).max(60_000_000).default(0),
  /** The model lies on so many of the machine's workers; on all unless told. */
  workers: z.exactOptional(z.int().min(1)),
})
export type RunSettings = z.infer<typeof RunSettings>

export const EndpointSpec = z.strictObject({
  name: Name,
  /** Name of the registered model whose versions may be released here. */
  model: Name,
  /** What one prediction is about; its id decides the arm and joins labels. */
  subject: Name,
  /** What a request is made of: named fields, or whatever tensors the model of the answering version declares. */
  takes: z.enum(['fields', 'tensors']).default('fields'),
  /** Request fields and what each must be; none of tensors. A type mismatch is refused, a broken bound is quarantined. */
  input: z.record(Name, ColumnContract),
  /** Where the id of the subject is looked for in a request that does not say `subject`. */
  subjectFrom: z.exactOptional(
    z.union([
      z.strictObject({ header: z.string().regex(/^[a-z0-9-]{1,64}$/, HEADER_NAME) }),
      z.strictObject({ field: Name }),
    ]),
  ),
  /** A probability from here on is answered as 1. */
  threshold: z.number().min(0).max(1).default(0.5),
  /** NaN and infinities are numbers like others, as inputs and as outputs. Of endpoints that take tensors. */
  allowNonfinite: z.exactOptional(z.boolean()),
  /** Versions of the model, as references, that answer who asks for them by their number, beside those released. */
  named: z.exactOptional(z.array(z.string())),
  runs: z.exactOptional(RunSettings),
})
export type EndpointSpec = z.infer<typeof EndpointSpec>

/** An endpoint that no project declares: it takes the tensors of its model. */
export const DeclareEndpoint = z.strictObject({
  name: Name,
  model: Name,
  /** What one prediction is about. */
  subject: Name.default('subject'),
  allowNonfinite: z.exactOptional(z.boolean()),
})
export type DeclareEndpoint = z.infer<typeof DeclareEndpoint>

import { z } from 'zod'
import { ColumnContract } from './dataset.ts'
import { Name } from './ref.ts'

const HEADER_NAME = 'expected the name of a header in lower case'

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

import { z } from 'zod'
import { GyreError } from '../core/errors.ts'
import { ARRAY_OF, elementsOf, isDatatype, type Tensor, type TensorType } from '../core/tensor.ts'

const Told = z.object({
  name: z.string().min(1),
  datatype: z.string().refine(isDatatype, { error: 'unknown datatype' }),
  shape: z.array(z.int().min(-1)),
})
const Sent = Told.extend({ bytes: z.int().min(0), texts: z.array(z.string()).optional() })

/** What a Python worker says of its answer; the numbers follow. */
const Header = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready') }),
  z.object({ kind: z.literal('loaded'), inputs: z.array(Told), outputs: z.array(Told) }),
  z.object({ kind: z.literal('tensors'), tensors: z.array(Sent) }),
  z.object({
    kind: z.literal('refused'),
    code: z.enum(['INVALID_INPUT', 'MODEL_FAILED']),
    message: z.string(),
  }),
])

/** A frame of a Python worker. */
export type Frame =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'loaded'
      readonly inputs: readonly TensorType[]
      readonly outputs: readonly TensorType[]
    }
  | { readonly kind: 'tensors'; readonly outputs: readonly Tensor[] }
  | {
      readonly kind: 'refused'
      readonly code: 'INVALID_INPUT' | 'MODEL_FAILED'
      readonly message: string
    }

/** A header is names and shapes, and the texts of an answer. */
const MAX_HEADER_BYTES = 256 * 1024 * 1024

/** The length of a header, the header and the numbers of its tensors, as `serve.py` reads them. */
export function encodeFrame(header: object, tensors: readonly Tensor[] = []): Buffer {
  const bodies: Uint8Array[] = []
  const told = tensors.map(({ name, datatype, shape, data }) => {
    if (!ArrayBuffer.isView(data)) return { name, datatype, shape, bytes: 0, texts: data }
    bodies.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    return { name, datatype, shape, bytes: data.byteLength }
  })
  const text = Buffer.from(JSON.stringify({ ...header, tensors: told }))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(text.length)
  return Buffer.concat([length, text, ...bodies])
}

/** Takes the first whole frame off the bytes that came; undefined until it is whole. Throws for what is none. */
export function decodeFrame(
  bytes: Buffer,
): { readonly frame: Frame; readonly rest: Buffer } | undefined {
  if (bytes.length < 4) return undefined
  const length = bytes.readUInt32BE(0)
  if (length > MAX_HEADER_BYTES) throw broken(`a header of ${length} bytes`)
  if (bytes.length < 4 + length) return undefined
  const header = Header.parse(JSON.parse(bytes.subarray(4, 4 + length).toString('utf8')))
  if (header.kind !== 'tensors') return { frame: header, rest: bytes.subarray(4 + length) }
  const body = header.tensors.reduce((sum, one) => sum + one.bytes, 0)
  if (bytes.length < 4 + length + body) return undefined
  let at = 4 + length
  const outputs = header.tensors.map((one) => {
    const tensor = tensorOf(one, bytes.subarray(at, at + one.bytes))
    at += one.bytes
    return tensor
  })
  return { frame: { kind: 'tensors', outputs }, rest: bytes.subarray(at) }
}

function tensorOf({ name, datatype, shape, texts }: z.infer<typeof Sent>, bytes: Buffer): Tensor {
  const data =
    datatype === 'BYTES'
      ? (texts ?? [])
      : // A copy: the numbers must lie where their size allows.
        new ARRAY_OF[datatype](new Uint8Array(bytes).buffer)
  if (data.length === elementsOf(shape)) return { name, datatype, shape, data }
  throw broken(`${name}: ${data.length} elements of shape [${shape.join()}]`)
}

function broken(what: string): GyreError {
  return new GyreError('MODEL_FAILED', `the Python worker answered with ${what}`)
}

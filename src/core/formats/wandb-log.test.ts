import { expect, test } from 'vitest'
import { packedFile } from '../fixture.ts'
import { readWandbLog, type LogPiece } from './wandb-log.ts'
import { decodeWandbRecord } from './wandb-record.ts'

// Written by wandb 0.31.0 (test/fixtures/import/make_wandb.py): 300 rows, ten blocks of 32 KiB and a torn one.
const LONG = packedFile('wandb', 'run-long0000.wandb')

async function piecesOf(bytes: Uint8Array, chunkBytes = 1000): Promise<LogPiece[]> {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes)
  }
  const pieces: LogPiece[] = []
  for await (const piece of readWandbLog(chunks())) pieces.push(piece)
  return pieces
}

const kindsOf = (pieces: readonly LogPiece[]) =>
  pieces.map((piece) => (piece.kind === 'record' ? decodeWandbRecord(piece.bytes).kind : 'damage'))

/** Quick to compare. */
const textsOf = (pieces: readonly LogPiece[]) =>
  pieces.map((piece) =>
    piece.kind === 'record' ? Buffer.from(piece.bytes).toString('latin1') : piece.reason,
  )

const rowsIn = (pieces: readonly LogPiece[]) =>
  kindsOf(pieces).filter((kind) => kind === 'history').length

test('what is no log of W&B is refused', async () => {
  for (const bytes of [Buffer.of(), Buffer.from('SQLite format 3\0'), LONG.subarray(0, 6)])
    await expect(piecesOf(bytes)).rejects.toMatchObject({ code: 'INVALID_INPUT' })
})

test('a log that ends in the middle of a frame keeps what lies before', async () => {
  const whole = textsOf(await piecesOf(LONG))
  for (const cut of [1, 3, 7, 20]) {
    const pieces = await piecesOf(LONG.subarray(0, LONG.length - cut))
    expect(textsOf(pieces.slice(0, -1))).toEqual(whole.slice(0, -1))
    expect(pieces.at(-1)).toMatchObject({ kind: 'damage', reason: expect.stringMatching(/middle/) })
  }
})

test('a log cut between the frames of a record says that the record has no end', async () => {
  const pieces = await piecesOf(LONG.subarray(0, 3 * 32_768))
  expect(pieces.at(-1)).toMatchObject({ kind: 'damage', reason: 'a record without its end' })
})

test('a wrong byte costs its block, no more, and is told with its place', async () => {
  const bytes = Buffer.from(LONG)
  const place = 5 * 32_768 + 100
  bytes.writeUInt8(bytes.readUInt8(place) ^ 1, place)
  const pieces = await piecesOf(bytes)
  const damage = pieces.filter((piece) => piece.kind === 'damage')
  expect(damage.map(({ reason }) => reason)).toContain('a frame whose checksum is wrong')
  for (const { at, length } of damage) {
    expect(at).toBeGreaterThanOrEqual(4 * 32_768)
    expect(at + length).toBeLessThanOrEqual(7 * 32_768)
  }
  expect(rowsIn(pieces)).toBeGreaterThan(200)
})

test('zeros, as a file system leaves them after a crash, are damage', async () => {
  const pieces = await piecesOf(Buffer.concat([LONG, Buffer.alloc(100)]))
  expect(pieces.at(-1)).toMatchObject({ kind: 'damage', at: LONG.length, length: 100 })
})

test.each([1, 6, 7, 1000, 32_768, 10_000_000])(
  'every record of a log in %i-byte pieces is there, in order',
  async (chunkBytes) => {
    const pieces = await piecesOf(LONG, chunkBytes)
    expect(kindsOf(pieces).slice(0, 2)).toEqual(['other', 'run'])
    expect(kindsOf(pieces).at(-1)).toBe('exit')
    expect([rowsIn(pieces), kindsOf(pieces).includes('damage')]).toEqual([300, false])
  },
)

test('bytes that are no record are refused, and one of a newer W&B is unknown', () => {
  for (const bytes of [[0xff], [0x12, 0x05, 1], [0x12, 0x02, 0x0a, 0x7f]])
    expect(() => decodeWandbRecord(Uint8Array.from(bytes))).toThrow(/expected a record of W&B/)
  // Field 99, a message.
  expect(decodeWandbRecord(Uint8Array.from([0x9a, 0x06, 0x00]))).toEqual({
    kind: 'other',
    name: 'unknown',
  })
})

test('a history row carries numbers as W&B wrote them, special ones too', async () => {
  const pieces = await piecesOf(packedFile('wandb', 'run-first000.wandb'))
  const odd: string[] = []
  for (const piece of pieces) {
    if (piece.kind !== 'record') continue
    const record = decodeWandbRecord(piece.bytes)
    if (record.kind !== 'history') continue
    for (const { path, json } of record.value.item) if (path[0] === 'odd') odd.push(json)
  }
  expect(odd).toEqual(['NaN', 'Infinity', '-Infinity', '-0', '1e-300'])
})

test('a value that a newer client typed reads as the others do', () => {
  // Encoded by the Python package's own HistoryItem: flag=true, count=-5, text="é", share=0.5, none.
  const record = decodeWandbRecord(Buffer.from(TYPED, 'hex'))
  expect(record).toEqual({
    kind: 'history',
    value: {
      item: [
        { path: ['flag'], json: 'true' },
        { path: ['count'], json: '-5' },
        { path: ['text'], json: '"é"' },
        { path: ['share'], json: '0.5' },
        { path: ['none'], json: 'null' },
        { path: ['deep', 'er'], json: '[1]' },
      ],
      step: { num: 7 },
    },
  })
})

const TYPED =
  '12520a080a04666c616720010a090a05636f756e7428090a0a0a04746578743a02c3a90a100a05736861726531000000000000e03f0a080a046e6f6e6518000a0f1204646565701202657242035b315d12020807'

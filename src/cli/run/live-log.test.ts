import { RequestError } from '@gyre/sdk/client'
import type { LogPiece } from '@gyre/sdk/wire/log'
import { expect, test } from 'vitest'
import { createLiveLog } from './live-log.ts'

const away = () => new RequestError('UNAVAILABLE', 0, 'away')

test('a refusal ends it, and whoever prints does not notice', async () => {
  let asked = 0
  const live = createLiveLog(async () => {
    asked += 1
    throw new RequestError('CONFLICT', 409, 'nobody holds it')
  })
  live.add('one')
  await live.close()
  live.add('two')
  await live.close()
  expect(asked).toBe(1)
})

test('what could not be sent comes with what follows, in order and once', async () => {
  const sent: LogPiece[] = []
  let isAway = true
  const live = createLiveLog(async (piece) => {
    if (isAway) throw away()
    sent.push(piece)
  })
  live.add('one\n')
  await live.close()
  live.add('two\n')
  isAway = false
  await live.close()
  expect(sent).toEqual([{ start: 0, text: 'one\ntwo\n' }])
})

test('long output goes in pieces that the server takes, and no character is cut in two', async () => {
  const sent: LogPiece[] = []
  const live = createLiveLog(async (piece) => void sent.push(piece))
  const text = `${'a'.repeat(65_535)}😀${'b'.repeat(70_000)}`
  live.add(text)
  await live.close()
  expect(sent.map(({ start, text: { length } }) => [start, length])).toEqual([
    [0, 65_535],
    [65_535, 65_536],
    [131_071, text.length - 131_071],
  ])
  expect(sent.map((piece) => piece.text).join('')).toBe(text)
})

test('while the server is away the newest waits, and what was left out is a gap', async () => {
  const sent: LogPiece[] = []
  let isAway = true
  const live = createLiveLog(async (piece) => {
    if (isAway) throw away()
    sent.push(piece)
  })
  const chunk = `${'x'.repeat(1023)}\n`.repeat(64)
  for (let i = 0; i < 100; i += 1) {
    live.add(chunk)
    if (i % 10 === 0) await live.close()
  }
  isAway = false
  await live.close()
  const [first] = sent
  const last = sent.at(-1)
  expect(first?.start).toBeGreaterThan(0)
  expect((last?.start ?? 0) + (last?.text.length ?? 0)).toBe(100 * chunk.length)
  for (const [i, { start, text }] of sent.slice(0, -1).entries())
    expect(sent[i + 1]?.start).toBe(start + text.length)
})

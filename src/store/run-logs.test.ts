import { expect, onTestFinished, test } from 'vitest'
import { silentLog } from '../core/log.ts'
import { CTX, wired } from './contract/wired.ts'
import { createEvents } from './events.ts'
import { HEAD_CHARS, TAIL_CHARS } from './log-pieces.ts'
import { createRunLogs } from './run-logs.ts'
import { createRuns } from './runs.ts'

async function opened() {
  const parts = await wired()
  const runs = createRuns({ ...parts, events: createEvents(parts) })
  const logs = createRunLogs({ ...parts, log: silentLog })
  const { id } = await runs.start(CTX, { kind: 'training', name: 'fit' })
  return { ...parts, runs, logs, id }
}

type Opened = Awaited<ReturnType<typeof opened>>

/** All pages from a place on, as text; what was left out as its count of characters. */
async function readAll({ logs, id }: Pick<Opened, 'logs' | 'id'>, after = 0): Promise<string> {
  let [text, at] = ['', after]
  for (;;) {
    const { pieces, next } = await logs.read(CTX, id, at)
    if (pieces.length === 0) return text
    for (const piece of pieces) {
      if (piece.start > at) text += `<${piece.start - at}>`
      text += piece.text
      at = piece.start + piece.text.length
    }
    expect(next).toBe(at)
  }
}

test('what a run prints is there in order, from any place on, and stays when its run has ended', async () => {
  const all = await opened()
  const writer = all.logs.write(CTX, all.id)
  writer.add('one\ntwo')
  writer.add('\nüñ😀\0three\n')
  await writer.close()
  const printed = 'one\ntwo\nüñ😀\uFFFDthree\n'
  expect(await readAll(all)).toBe(printed)
  for (const after of [0, 3, 8, printed.length]) {
    expect(await readAll(all, after)).toBe(printed.slice(after))
  }
  await all.runs.finish(CTX, all.id, { status: 'failed' })
  const anew = createRunLogs({ catalog: all.catalog, log: silentLog })
  expect(await readAll({ ...all, logs: anew })).toBe(printed)
  expect(await anew.read(CTX, all.id, printed.length)).toEqual({
    pieces: [],
    next: printed.length,
    live: false,
  })
})

test('a run that is not there, or in another project, has no log', async () => {
  const { logs, id } = await opened()
  const none = { code: 'NOT_FOUND' }
  await expect(logs.read(CTX, 'run_0', 0)).rejects.toMatchObject(none)
  await expect(logs.read({ ...CTX, project: 'other' }, id, 0)).rejects.toMatchObject(none)
})

test.each([
  ['in one gulp', 10_000_000],
  ['in gulps of a million', 1_000_000],
])(
  'of ten million characters, %s, the beginning and the end are kept and the gap is told',
  async (_, gulp) => {
    const all = await opened()
    const lines = Array.from({ length: 100_000 }, (__, i) => `line ${i}`.padEnd(99))
    const printed = `${lines.join('\n')}\n`
    const writer = all.logs.write(CTX, all.id)
    for (let at = 0; at < printed.length; at += gulp) {
      const more = all.logs.changed(all.id, new AbortController().signal)
      writer.add(printed.slice(at, at + gulp))
      await more
    }
    await writer.close()
    const text = await readAll(all)
    const [, head = '', left = '', tail = ''] = /^([^<]*)<(\d+)>([^<]*)$/.exec(text) ?? []
    expect(head).toBe(printed.slice(0, HEAD_CHARS))
    expect(printed.endsWith(tail)).toBe(true)
    expect(tail.length).toBeGreaterThanOrEqual(TAIL_CHARS)
    expect(tail.length).toBeLessThan(TAIL_CHARS + 131_072)
    expect(head.length + Number(left) + tail.length).toBe(printed.length)
  },
)

test('many small pieces are read page by page, and a reader who waits is woken', async () => {
  const all = await opened()
  const writer = all.logs.write(CTX, all.id)
  onTestFinished(() => writer.close())
  const waiting = new AbortController().signal
  for (let i = 0; i < 5; i++) {
    const more = all.logs.changed(all.id, waiting)
    writer.add(`line ${i}\n`)
    await more
  }
  expect((await readAll(all)).split('\n')).toHaveLength(6)
  expect(await readAll(all, 7)).toMatch(/^line 1\nline 2\n/)
  expect((await all.logs.read(CTX, all.id, 0)).live).toBe(true)
})

test('a log is live while its run goes on, and while somebody writes it', async () => {
  const { logs, runs, id } = await opened()
  expect((await logs.read(CTX, id, 0)).live).toBe(true)
  const writer = logs.write(CTX, id)
  await runs.finish(CTX, id, { status: 'succeeded' })
  expect((await logs.read(CTX, id, 0)).live).toBe(true)
  await writer.close()
  expect((await logs.read(CTX, id, 0)).live).toBe(false)
})

test('what a program outside tells is there once, however often it tells it; a gap is left out', async () => {
  const all = await opened()
  const { logs, id } = all
  await expect(logs.append(CTX, 'run_0', { start: 0, text: 'a' })).rejects.toMatchObject({
    code: 'NOT_FOUND',
  })
  await logs.append(CTX, id, { start: 0, text: 'one\n' })
  await logs.append(CTX, id, { start: 0, text: 'one\n' })
  await logs.append(CTX, id, { start: 2, text: 'e\ntwo\n' })
  expect(await readAll(all)).toBe('one\ntwo\n')
  await logs.append(CTX, id, { start: 20, text: 'after' })
  expect(await readAll(all)).toBe('one\ntwo\n<12>after')
})

test('of what a program outside tells the head and the tail stay, as of every run', async () => {
  const all = await opened()
  const line = `${'x'.repeat(63)}\n`
  const piece = line.repeat(1024)
  const total = HEAD_CHARS + TAIL_CHARS + 3 * piece.length
  for (let start = 0; start < total; start += piece.length)
    await all.logs.append(CTX, all.id, { start, text: piece })
  const kept = await readAll(all)
  const [, head = '', gap = '', tail = ''] = /^([x\n]*)<(\d+)>([x\n]*)$/.exec(kept) ?? []
  expect([head.length, head.length + Number(gap) + tail.length]).toEqual([HEAD_CHARS, total])
  expect(tail.length).toBeGreaterThanOrEqual(TAIL_CHARS)
  expect(tail.length).toBeLessThan(TAIL_CHARS + piece.length)
})

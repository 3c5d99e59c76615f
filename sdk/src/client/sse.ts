import type { IncomingMessage } from 'node:http'

/** One event of a stream of server-sent events; its data on one line. */
export interface ServerSentEvent {
  readonly event: string
  readonly data: string
}

/** The events of a response, in order; comments are passed over. */
export async function* serverSentEvents(
  response: IncomingMessage,
): AsyncGenerator<ServerSentEvent> {
  response.setEncoding('utf8')
  let rest = ''
  for await (const chunk of response) {
    const blocks = (rest + String(chunk)).split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) {
      const data = member(block, 'data')
      if (data !== undefined) yield { event: member(block, 'event') ?? 'message', data }
    }
  }
}

function member(block: string, name: string): string | undefined {
  const line = block.split('\n').find((one) => one.startsWith(`${name}: `))
  return line?.slice(name.length + 2)
}

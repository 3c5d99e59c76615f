import type { IncomingMessage } from 'node:http'

/** The parameters of a request's query. A key given several times becomes an array. */
export function queryOf({ url = '' }: IncomingMessage): Readonly<Record<string, unknown>> {
  const start = url.indexOf('?')
  const query = new URLSearchParams(start < 0 ? '' : url.slice(start))
  return Object.fromEntries(
    [...new Set(query.keys())].map((key) => {
      const values = query.getAll(key)
      return [key, values.length === 1 ? values[0] : values]
    }),
  )
}

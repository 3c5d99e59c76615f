import type { AnyRoute } from './route.ts'

/** What a path answers, `HEAD` beside `GET`, by name; nothing for a path that no route has. O(routes). */
export function allowedMethods(routes: readonly AnyRoute[], path: string): readonly string[] {
  const methods = routes
    .filter((route) => isAt(route, segmentsOf(path)))
    .flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
  return [...new Set(methods)].toSorted()
}

function isAt({ path }: AnyRoute, asked: readonly string[]): boolean {
  const known = segmentsOf(path)
  return (
    known.length === asked.length &&
    known.every((segment, i) => segment.startsWith(':') || segment === asked[i])
  )
}

function segmentsOf(path: string): readonly string[] {
  return path.replace(/\/$/, '').split('/')
}

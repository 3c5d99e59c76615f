import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8')

/** Names that a module exports from others, each with the module's path. */
function* passedOn(path: string): Generator<{ readonly name: string; readonly from: string }> {
  for (const [, names = '', from = ''] of read(path).matchAll(
    /export (?:type )?\{([^}]+)\} from '([^']+)'/g,
  ))
    for (const name of names.split(',').map((one) => one.trim()))
      if (name !== '') yield { name, from }
}

/** Exported declarations of a module that nothing is said about; of overloads the last is the body's. */
function undocumented(path: string, isAsked: (name: string) => boolean): readonly string[] {
  const lines = read(path).split('\n')
  const declared = lines.flatMap((line, at) => {
    const [, name] =
      /^export (?:async )?(?:function|const|interface|type|class) (\w+)/.exec(line) ?? []
    return name === undefined || !isAsked(name)
      ? []
      : [{ name, isTold: lines[at - 1]?.endsWith('*/') }]
  })
  return declared.flatMap(({ name, isTold }, at) =>
    isTold || declared[at - 1]?.name === name ? [] : [`${path}: ${name}`],
  )
}

test('everything a project is written with says what it is', () => {
  const names = [...passedOn('./define.ts')]
  expect(names.length).toBeGreaterThan(40)
  const silent = names.flatMap(({ name, from }) => undocumented(from, (each) => each === name))
  expect(silent).toEqual([])
})

test('the options of every definition, and the client, say what they are', () => {
  const modules = new Set([...passedOn('./define.ts')].map(({ from }) => from))
  const options = [...modules].flatMap((path) =>
    undocumented(path, (name) => name.endsWith('Options')),
  )
  expect(options).toEqual([])
  expect(undocumented('./client.ts', () => true)).toEqual([])
})

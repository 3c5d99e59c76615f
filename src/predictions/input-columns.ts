import { sqlName, sqlText } from '../store/analytics.ts'

/** Which input stands at which place of a model's vector, by model ref. */
export type InputNames = ReadonlyMap<string, readonly string[]>

/**
 * SQL of each input as a column named `prefix` + its name, out of the list `inputs`; versions may order
 * theirs differently, and an input that a version lacks is NULL.
 */
export function inputColumns(names: InputNames, prefix: string): string[] {
  const places = new Map<string, Map<string, number>>()
  for (const [model, inputs] of names)
    for (const [i, input] of inputs.entries())
      places.set(input, (places.get(input) ?? new Map<string, number>()).set(model, i + 1))
  return [...places].map(([input, byModel]) => `${placeSql(byModel)} AS ${sqlName(prefix + input)}`)
}

function placeSql(byModel: ReadonlyMap<string, number>): string {
  const cases = [...byModel].map(([model, place]) => `WHEN ${sqlText(model)} THEN inputs[${place}]`)
  return `CASE model ${cases.join(' ')} END`
}

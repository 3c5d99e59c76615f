import { z } from 'zod'
import type { Context } from '../core/context.ts'
import type { Tx } from '../store/catalog.ts'
import { modelPlaceOf } from './logged-model.ts'

/** A version of a registered model; MLflow's server writes its number as a number, its client as text too. */
const Registered = z.object({ name: z.string(), version: z.union([z.string(), z.number()]) })
type Registered = z.infer<typeof Registered>

/** Under which MLflow's clients look up what a logged model was registered as: a JSON list. */
const TAG = 'mlflow.modelVersions'

/** Writes down, on a logged model, a version that was made of it. Throws NOT_FOUND. */
export async function noteRegistered(
  tx: Tx,
  ctx: Context,
  id: string,
  version: Registered,
): Promise<void> {
  const { seq: model } = await modelPlaceOf(tx, ctx, id)
  const tag = await tx
    .selectFrom('logged_model_tags')
    .select('value')
    .where('model', '=', model)
    .where('key', '=', TAG)
    .executeTakeFirst()
  const value = print([...parse(tag?.value ?? '[]'), version])
  await tx
    .insertInto('logged_model_tags')
    .values({ model, key: TAG, value })
    .onConflict((conflict) => conflict.columns(['model', 'key']).doUpdateSet({ value }))
    .execute()
}

/** The tag is anybody's to write: what is no list of versions counts as an empty one. */
function parse(text: string): readonly Registered[] {
  try {
    return z.array(Registered).parse(JSON.parse(text))
  } catch {
    return []
  }
}

/** As Python prints JSON, so that the text is the same whoever wrote it last. */
function print(versions: readonly Registered[]): string {
  const printed = versions.map(
    ({ name, version }) => `{"name": ${ascii(name)}, "version": ${JSON.stringify(version)}}`,
  )
  return `[${printed.join(', ')}]`
}

function ascii(text: string): string {
  return JSON.stringify(text).replaceAll(
    /[^\0-\u007f]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

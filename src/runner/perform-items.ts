import { ItemExchange, ItemExchangeReply, StepWork } from '@gyre/sdk/wire/step'
import { z } from 'zod'
import { GyreError } from '../core/errors.ts'
import { workOnItems } from '../train/item-loop.ts'
import type { OpenItems } from './item.ts'
import type { Workplace } from './perform.ts'

/** Works on the items of a step, as one of its processes, until there are no more. */
export async function performItems(place: Workplace, worker: string): Promise<void> {
  const { client, path, fence } = place.station
  const work = await client.get(`${path}/work`, StepWork)
  await using opened = await openItems(place, work)
  await workOnItems({
    perform: opened.perform,
    async exchange(ended, want) {
      const request = z.encode(ItemExchange, { fence, worker, ended: [...ended], want })
      return (await client.post(`${path}/items`, request, ItemExchangeReply)).items
    },
  })
}

async function openItems(place: Workplace, work: StepWork): Promise<OpenItems> {
  const { spec } = work
  if (spec.kind === 'python')
    return (await import('./script-items.ts')).openScriptItems(place, work, spec)
  if (spec.kind === 'module')
    return (await import('./module-items.ts')).openModuleItems(place, work, spec)
  throw new GyreError('INTERNAL', `step ${work.step} of kind ${spec.kind} has no items`)
}

import { ProjectCard } from '@gyre/sdk/wire/manifest'
import { Name } from '@gyre/sdk/wire/ref'
import type { z } from 'zod'
import { GyreError } from '../core/errors.ts'
import { configText } from './template/config.ts'
import { customersCsv } from './template/customers.ts'
import { GITIGNORE, packageJson, readme, TSCONFIG } from './template/papers.ts'
import { scripts } from './template/scripts.ts'
import { BASELINE_STEP, FIT_STEP } from './template/steps.ts'

/** What `gyre init` asks; the gate of the new project reads the answers. */
export const ProjectAnswers = ProjectCard.omit({
  fourEyes: true,
  approvals: true,
  forbids: true,
}).extend({ name: Name })
export type ProjectAnswers = z.infer<typeof ProjectAnswers>

/**
 * The files of a new project by path: it can be applied and trained as it is, on rows made up for it, until
 * your own take their place. The same answers give the same files. Throws INVALID_ARGUMENT naming the answer.
 */
export function projectTemplate(answers: ProjectAnswers): ReadonlyMap<string, string> {
  const parsed = ProjectAnswers.safeParse(answers)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const field = issue?.path.join('.') ?? ''
    throw new GyreError('INVALID_ARGUMENT', `${field}: ${issue?.message}`, { field })
  }
  return new Map([
    ['package.json', packageJson(parsed.data)],
    ['tsconfig.json', TSCONFIG],
    ['.gitignore', GITIGNORE],
    ['README.md', readme(parsed.data)],
    ['gyre.config.ts', configText(parsed.data)],
    ['steps/fit.ts', FIT_STEP],
    ['steps/baseline.ts', BASELINE_STEP],
    ['data/customers.csv', customersCsv()],
    ...scripts(parsed.data.name),
  ])
}

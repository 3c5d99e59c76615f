import { core } from './0001-core.ts'
import { data } from './0002-data.ts'
import { projects } from './0003-projects.ts'
import { access } from './0004-access.ts'
import { registry } from './0006-registry.ts'
import { pipelines } from './0007-pipelines.ts'
import { routes } from './0008-routes.ts'
import { monitor } from './0009-monitor.ts'
import { loop } from './0010-loop.ts'
import { evaluate } from './0012-evaluate.ts'
import { release } from './0013-release.ts'
import { runOwner } from './0014-run-owner.ts'
import { tracking } from './0015-tracking.ts'
import { artifacts } from './0016-artifacts.ts'
import { registeredModels } from './0017-registered-models.ts'
import { loggedModels } from './0018-logged-models.ts'
import { traces } from './0019-traces.ts'
import { imports } from './0020-imports.ts'
import { issues } from './0021-issues.ts'
import { evaluationSets } from './0022-evaluation-sets.ts'
import { runFacts } from './0023-run-facts.ts'
import { studies } from './0024-studies.ts'
import { heldRuns } from './0025-held-runs.ts'
import { runControl } from './0026-run-control.ts'
import { approvalGates } from './0027-approval-gates.ts'
import { stepCheckpoints } from './0028-step-checkpoints.ts'
import { itemsAndPartitions } from './0029-items-and-partitions.ts'
import { runCheckpoints } from './0031-run-checkpoints.ts'
import { releaseStages } from './0034-release-stages.ts'
import { uncommittedCode } from './0032-uncommitted-code.ts'
import { releaseShadows } from './0035-release-shadows.ts'
import { batches } from './0036-batches.ts'
import type { Migration } from './migration.ts'

/** Every migration, oldest first. A new one is a file and a line here, and a name in `../schema.ts`. */
export const MIGRATIONS: readonly Migration[] = [
  core,
  data,
  projects,
  access,
  registry,
  pipelines,
  routes,
  monitor,
  loop,
  evaluate,
  release,
  runOwner,
  tracking,
  artifacts,
  registeredModels,
  loggedModels,
  traces,
  imports,
  issues,
  evaluationSets,
  runFacts,
  studies,
  heldRuns,
  runControl,
  approvalGates,
  stepCheckpoints,
  itemsAndPartitions,
  runCheckpoints,
  releaseStages,
  uncommittedCode,
  releaseShadows,
  batches,
]

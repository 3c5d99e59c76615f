import type { CoreTables } from './migrations/0001-core.ts'
import type { DataTables } from './migrations/0002-data.ts'
import type { ProjectsTables } from './migrations/0003-projects.ts'
import type { AccessTables } from './migrations/0004-access.ts'
import type { PipelineTables } from './migrations/0007-pipelines.ts'
import type { RoutesTables } from './migrations/0008-routes.ts'
import type { MonitorTables } from './migrations/0009-monitor.ts'
import type { LoopTables } from './migrations/0010-loop.ts'
import type { EvaluateTables } from './migrations/0012-evaluate.ts'
import type { ReleaseTables } from './migrations/0034-release-stages.ts'
import type { ReleaseShadowTables } from './migrations/0035-release-shadows.ts'
import type { TrackingTables } from './migrations/0015-tracking.ts'
import type { ArtifactTables } from './migrations/0016-artifacts.ts'
import type { RegisteredModelTables } from './migrations/0017-registered-models.ts'
import type { LoggedModelTables } from './migrations/0018-logged-models.ts'
import type { TraceTables } from './migrations/0019-traces.ts'
import type { ImportTables } from './migrations/0020-imports.ts'
import type { IssueTables } from './migrations/0021-issues.ts'
import type { EvaluationSetTables } from './migrations/0022-evaluation-sets.ts'
import type { StudyTables } from './migrations/0024-studies.ts'
import type { RunLogTables } from './migrations/0026-run-control.ts'
import type { StepCheckpointTables } from './migrations/0028-step-checkpoints.ts'
import type { ItemTables } from './migrations/0029-items-and-partitions.ts'
import type { RunCheckpointTables } from './migrations/0031-run-checkpoints.ts'
import type { BatchTables } from './migrations/0036-batches.ts'

/** Every table of the catalog, by the migration that made it. */
export interface Tables
  extends
    CoreTables,
    DataTables,
    ProjectsTables,
    AccessTables,
    PipelineTables,
    RoutesTables,
    MonitorTables,
    LoopTables,
    EvaluateTables,
    ReleaseTables,
    ReleaseShadowTables,
    TrackingTables,
    ArtifactTables,
    RegisteredModelTables,
    LoggedModelTables,
    TraceTables,
    ImportTables,
    IssueTables,
    EvaluationSetTables,
    StudyTables,
    RunLogTables,
    StepCheckpointTables,
    ItemTables,
    RunCheckpointTables,
    BatchTables {}

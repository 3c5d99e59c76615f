import type { CoreTables } from './migrations/0001-core.ts'
import type { DataTables } from './migrations/0002-data.ts'
import type { ProjectsTables } from './migrations/0003-projects.ts'
import type { AccessTables } from './migrations/0004-access.ts'
import type { RegistryTables } from './migrations/0006-registry.ts'
import type { PipelineTables } from './migrations/0007-pipelines.ts'
import type { RoutesTables } from './migrations/0008-routes.ts'
import type { MonitorTables } from './migrations/0009-monitor.ts'
import type { LoopTables } from './migrations/0010-loop.ts'
import type { EvaluateTables } from './migrations/0012-evaluate.ts'
import type { ReleaseTables } from './migrations/0013-release.ts'

/** Every table of the catalog, by the migration that made it. */
export interface Tables
  extends
    CoreTables,
    DataTables,
    ProjectsTables,
    AccessTables,
    RegistryTables,
    PipelineTables,
    RoutesTables,
    MonitorTables,
    LoopTables,
    EvaluateTables,
    ReleaseTables {}

import { join } from 'node:path'
import type { ApplyReply, ApplyRequest, Manifest, PlanChange } from '@gyre/sdk/wire/manifest'
import type { StepSpec } from '@gyre/sdk/wire/pipeline'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { digestOfJson, type Digest } from '../core/digest.ts'
import { GyreError } from '../core/errors.ts'
import type { NewId } from '../core/id.ts'
import type { Blobs } from '../store/blobs.ts'
import type { Catalog, Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import { createBundleFolders } from './bundle-folder.ts'
import { addVersion, codeRef, findCurrent, getVersion, type CodeVersion } from './code-version.ts'
import { assertConsistent } from './manifest.ts'
import { planChanges } from './plan.ts'
import { inBundle } from './python-files.ts'

export interface ProjectsDeps {
  readonly catalog: Catalog
  readonly blobs: Blobs
  readonly events: Events
  readonly clock: Clock
  readonly newId: NewId
  /** The data folder; bundles are unpacked into its `code`. */
  readonly folder: string
}

interface ApplyOptions {
  /** Tell what would change, and change nothing. */
  readonly dryRun: boolean
  /** Writes what other rooms keep of the manifest, in the unit that brings it into force. */
  readonly also?: (tx: Tx, ref: string) => Promise<void>
}

/** The user's definitions and code, as versions. The server stores code and never imports it. */
export interface Projects {
  /**
   * Brings a manifest and its uploaded bundle into force. `applied` is false on a dry run, which needs no bundle
   * uploaded, and when nothing differs; the version moves on only when something does. Throws INVALID_ARGUMENT
   * naming what is wrong with the manifest, NOT_FOUND without the bundle, CONFLICT where the project holds another
   * one's definitions.
   */
  apply(ctx: Context, request: ApplyRequest, options: ApplyOptions): Promise<ApplyReply>
  /** What is in force. Throws NOT_FOUND where nothing was applied yet. */
  current(ctx: Context): Promise<CodeVersion>
  find(ctx: Context, tx?: Tx): Promise<CodeVersion | undefined>
  /** `code:flights@7`. Throws NOT_FOUND. */
  version(ctx: Context, ref: string): Promise<CodeVersion>
  /** A local folder with the bundle's files, to import from. Throws NOT_FOUND. */
  bundleFolder(digest: Digest): Promise<string>
}

export function createProjects(deps: ProjectsDeps): Projects {
  const { catalog, blobs } = deps
  const folders = createBundleFolders(join(deps.folder, 'code'), deps)
  return {
    async apply(ctx, next, { dryRun, also }) {
      const { manifest, bundle } = next
      assertConsistent(manifest)
      if (dryRun) return plan(await findCurrent(catalog.read, ctx), next).reply
      await assertBundled(blobs, manifest, bundle)
      if (next.uncommitted !== undefined) await assertStored(blobs, next.uncommitted)
      return catalog.write(async (tx) => {
        const reply = await applyIn(tx, ctx, next, deps)
        if (reply.applied) await also?.(tx, reply.ref)
        return reply
      })
    },
    async current(ctx) {
      const version = await findCurrent(catalog.read, ctx)
      if (!version)
        throw new GyreError(
          'NOT_FOUND',
          `nothing is applied to project ${ctx.project}; run gyre apply`,
        )
      return version
    },
    find: (ctx, tx) => findCurrent(tx ?? catalog.read, ctx),
    version: (ctx, ref) => getVersion(catalog.read, ctx, ref),
    bundleFolder: (digest) => folders.folder(digest),
  }
}

interface Plan {
  /** The number of the version that applying makes; undefined when nothing differs. */
  readonly version: number | undefined
  readonly reply: ApplyReply
}

function plan(current: CodeVersion | undefined, { manifest, bundle }: ApplyRequest): Plan {
  if (current && current.name !== manifest.name)
    throw new GyreError(
      'CONFLICT',
      `name: this project holds ${current.ref}; apply ${manifest.name} to a project of its own`,
      { field: 'name', current: current.ref },
    )
  const changes = [...planChanges(current?.manifest, manifest)]
  if (
    current &&
    current.bundleDigest === bundle &&
    current.manifestDigest === digestOfJson(manifest)
  )
    return { version: undefined, reply: { ref: current.ref, changes, applied: false } }
  const version = (current?.version ?? 0) + 1
  return { version, reply: { ref: codeRef(manifest.name, version), changes, applied: false } }
}

async function applyIn(
  tx: Tx,
  ctx: Context,
  next: ApplyRequest,
  { events, clock }: Pick<ProjectsDeps, 'events' | 'clock'>,
): Promise<ApplyReply> {
  const { version, reply } = plan(await findCurrent(tx, ctx), next)
  if (version === undefined) return reply
  const { manifest, bundle, source = {}, uncommitted } = next
  const appliedAt = clock.now().toISOString()
  await addVersion(tx, ctx, {
    version,
    manifest,
    bundleDigest: bundle,
    source,
    uncommitted,
    appliedAt,
  })
  await events.append(tx, ctx, {
    type: 'code.applied',
    subject: { kind: 'code', id: `${manifest.name}@${version}` },
    data: { bundle, manifest: digestOfJson(manifest), changes: summaryOf(reply.changes) },
  })
  return { ...reply, applied: true }
}

/** `pipeline train: changed`, for those who read the audit. */
function summaryOf(changes: readonly PlanChange[]): string[] {
  return changes
    .filter(({ change }) => change !== 'unchanged')
    .map(({ kind, name, change }) => `${kind} ${name}: ${change}`)
}

function pathOf(step: Extract<StepSpec, { kind: 'module' | 'python' }>): string {
  return step.kind === 'module' ? step.chunk : inBundle(step.script)
}

/** Throws NOT_FOUND where a file of the tree is not there: backups hold on to all of them. */
async function assertStored(blobs: Blobs, tree: Digest): Promise<void> {
  const { entries } = await blobs.readTree(tree)
  for (const { path, artifact } of entries)
    if (!(await blobs.has(artifact.digest)))
      throw new GyreError(
        'NOT_FOUND',
        `uncommitted: ${path} of ${tree} is not stored: ${artifact.digest}`,
        { field: 'uncommitted', digest: artifact.digest },
      )
}

/** Every function that the manifest names must lie in the bundle, else a run would find out. */
async function assertBundled(blobs: Blobs, manifest: Manifest, bundle: Digest): Promise<void> {
  const { entries } = await blobs.readTree(bundle)
  const paths = new Set(entries.map(({ path }) => path))
  const transforms = manifest.transforms.map(
    ({ name, chunk }) => [`transforms.${name}`, chunk] as const,
  )
  const steps = manifest.pipelines.flatMap((pipeline) =>
    pipeline.steps.flatMap((step) =>
      step.kind === 'module' || step.kind === 'python'
        ? [[`pipelines.${pipeline.name}.steps.${step.name}`, pathOf(step)] as const]
        : [],
    ),
  )
  for (const [field, chunk] of [...transforms, ...steps])
    if (!paths.has(chunk))
      throw new GyreError(
        'INVALID_ARGUMENT',
        `${field}.chunk: ${chunk} is not in the bundle ${bundle}`,
        { field: `${field}.chunk` },
      )
}

import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import type { Key } from '@gyre/sdk/wire/key'
import type { Manifest } from '@gyre/sdk/wire/manifest'
import { createAccess } from './access/access.ts'
import { actorOf } from './access/keys.ts'
import { feedbackDoor } from './api/predict/feedback-door.ts'
import { healthDoor } from './api/predict/health-door.ts'
import { mlflowDoor } from './api/mlflow/door.ts'
import { getArtifactDoor } from './api/mlflow/get-artifact-door.ts'
import { mlflowRoutes } from './api/mlflow/routes.ts'
import { versionDoor } from './api/mlflow/server-info.ts'
import { oipDoor } from './api/oip/oip-door.ts'
import { repositoryDoor } from './api/oip/repository-door.ts'
import { otlpDoor } from './api/otlp-door.ts'
import { predictDoor } from './api/predict/predict-door.ts'
import { tfServingDoor } from './api/tfserving/tfserving-door.ts'
import { servingOffDoor } from './api/predict/serving-off-door.ts'
import { answeredHosts, reachableHost } from './api/host.ts'
import type { Rooms } from './api/rooms.ts'
import { createHttpServer } from './api/server.ts'
import { v1Routes } from './api/v1/routes.ts'
import { VERSION } from './core/package.ts'
import { systemClock } from './core/clock.ts'
import type { Config, Module } from './core/config.ts'
import type { Context } from './core/context.ts'
import { GyreError } from './core/errors.ts'
import { denyEgress } from './core/egress.ts'
import { createLog } from './core/log.ts'
import { isLoopback } from './core/loopback.ts'
import { processFacts } from './core/process-facts.ts'
import { systemSleep } from './core/sleep.ts'
import { siblingUrl } from './core/spawn.ts'
import { createBatches } from './batches/batches.ts'
import { createConvert } from './convert/convert.ts'
import { createData } from './data/data.ts'
import { createEvaluate } from './evaluate/evaluate.ts'
import { openLocalExec } from './exec/adapters/local.ts'
import { createFeatures } from './features/features.ts'
import { createInfer } from './infer/infer.ts'
import { createModelFiles } from './infer/model-files.ts'
import { createLoop } from './loop/loop.ts'
import { createMonitor } from './monitor/monitor.ts'
import { createPipelines } from './pipelines/pipelines.ts'
import { createPredictions } from './predictions/predictions.ts'
import { createBundleFolders } from './projects/bundle-folder.ts'
import { gateNames, modelPolicy } from './projects/model-policy.ts'
import { createProjects, type Projects } from './projects/projects.ts'
import type { EndpointUse } from './registry/endpoint-use.ts'
import type { Approver } from './registry/model-policy.ts'
import { createRegistry } from './registry/registry.ts'
import { createReleases } from './release/release.ts'
import { createRepository } from './repository/repository.ts'
import { createRoutes } from './routes/routes.ts'
import type { RoutedEndpoint } from './routes/snapshot.ts'
import { createServe, type Serve } from './serve/serve.ts'
import { toLoggedShadow } from './serve/shadow-row.ts'
import { makeWritable } from './store/folder.ts'
import { inheritMetrics } from './pipelines/checkpoint.ts'
import { createRunLogs } from './store/run-logs.ts'
import { openStore } from './store/store.ts'
import { dropAbandoned, findAbandoned } from './tracking/abandoned-uploads.ts'
import { createStudies } from './studies/studies.ts'
import { createArtifacts } from './tracking/artifacts.ts'
import { assertActive } from './tracking/experiments.ts'
import { createHeldRuns } from './tracking/held-runs.ts'
import { createLoggedModels } from './tracking/logged-models.ts'
import { createRunInputs } from './tracking/run-inputs.ts'
import { freezeArtifacts } from './tracking/frozen-artifacts.ts'
import { noteRegistered } from './tracking/registered-versions.ts'
import { createImports } from './tracking/import.ts'
import { traceLocation } from './tracking/locations.ts'
import { createTracking } from './tracking/tracking.ts'
import { createTraces } from './traces/traces.ts'
import { createBuiltinSteps } from './train/builtin-steps.ts'
import { openPython } from './train/python-environment.ts'
import { interpreterFile } from './train/python-step.ts'
import { createUpkeep } from './upkeep/upkeep.ts'

export interface Server {
  readonly url: string
  /** HOST:PORT of the Open Inference Protocol over gRPC, where it is spoken. */
  readonly grpcAddress?: string
  /** Waits for `drainDelayMs`, answers what has come, starts nothing new, and puts everything on the disk. */
  close(): Promise<void>
}

/** MLflow's server waits as long for spans that its client sends after the trace they are of. */
const SPANS_PATIENCE_MS = 3_000

/** Longer than what lies between two steps; a server without pipelines under way has no process to spare. */
const SPARE_IDLE_MS = 5_000

/** A step that waits for one of these has its own time-out; passes outlive it a little. */
const PASS_GRACE_MS = 60_000

/**
 * Puts the rooms together and serves. Throws FOLDER_LOCKED, FOLDER_NOT_WRITABLE, PORT_TAKEN, NEWER_DATABASE,
 * UNAUTHENTICATED (an address others can reach, and no key); what was opened by then is closed again.
 */
export async function startServer(config: Config): Promise<Server> {
  const closers: (() => Promise<void>)[] = []
  const close = async (): Promise<void> => {
    for (const closeOne of closers.splice(0).toReversed()) await closeOne()
  }
  try {
    const { drain, ...server } = await open(config, closers)
    return {
      ...server,
      async close() {
        await drain()
        await close()
      },
    }
  } catch (thrown) {
    await close()
    throw thrown
  }
}

async function open(
  config: Config,
  closers: (() => Promise<void>)[],
): Promise<Omit<Server, 'close'> & { readonly drain: () => Promise<void> }> {
  const clock = systemClock
  const isOn = (module: Module): boolean => config.modules.includes(module)
  const random = Math.random
  await makeWritable(config.data)
  const log = createLog(config.logLevel, `${config.data}/gyre.log`)
  if (config.egress === 'deny') {
    const allowEgress = denyEgress(config.egressAllow)
    closers.push(async () => allowEgress())
  }
  const store = await openStore({ folder: config.data, clock, log, config })
  closers.push(() => store.close())
  const { catalog, events, runs, blobs, rows, analytics, leases, newId } = store

  const server = newId('server')
  const access = createAccess({ catalog, events, clock, newId, keyless: isLoopback(config.host) })
  await assertKeyed(config, () => access.countKeys())
  const projects = createProjects({ catalog, blobs, events, clock, newId, folder: config.data })
  const data = createData({ catalog, blobs, analytics, events, runs, clock })
  const features = createFeatures({ catalog, blobs, analytics, events, runs, data, clock })
  const tracking = createTracking({ catalog, events, runs, clock, random })
  const artifacts = createArtifacts({ catalog, blobs, clock, newId, log })
  const { experiments } = tracking
  const logs = createRunLogs({ catalog, log })
  const heldRuns = createHeldRuns({
    catalog,
    runs,
    logs,
    experiments,
    clock,
    log,
    inheritMetrics,
  })
  const loggedModels = createLoggedModels({ catalog, events, clock, random, experiments })
  const traces = createTraces({
    catalog,
    events,
    clock,
    patienceMs: SPANS_PATIENCE_MS,
    location: traceLocation,
    assertExperiment: async (ctx, number) => assertActive(await experiments.get(ctx, number)),
    experimentNamed: async (ctx, name) => (await experiments.byName(ctx, name)).number,
    forgetArtifacts: (tx, ctx, ids) =>
      artifacts.forget(
        tx,
        ctx,
        ids.map((id) => ({ kind: 'trace', id })),
      ),
  })
  const evaluate = createEvaluate({
    catalog,
    events,
    runs,
    clock,
    declared: async (tx, ctx) => gateNames((await projects.find(ctx, tx))?.manifest),
  })
  const routes = await createRoutes({ catalog, events, clock, random, log })
  closers.push(() => routes.close())
  const registry = createRegistry({
    catalog,
    events,
    runs,
    clock,
    blobs,
    verdicts: evaluate,
    policy: async (tx, ctx, name) => {
      const asked = modelPolicy((await projects.find(ctx, tx))?.manifest, name)
      const keys = asked.among && (await access.approvers(ctx, asked.among, tx))
      return { ...asked, among: keys?.map(toApprover) ?? null }
    },
    endpoints: async (tx, ctx) => (await routes.committed(ctx, tx)).map(toUse),
    freeze: (ctx, place) => freezeArtifacts({ catalog, blobs, artifacts }, ctx, place),
    tellLoggedModel: noteRegistered,
    findPrediction: (ctx, id) => predictions.find(ctx, id),
  })
  const pythonFolder = resolve(config.data, 'python')
  const python = (requirements: string) =>
    openPython({ folder: pythonFolder, known: interpreterFile(pythonFolder) }, requirements)
  const modelFolders = createBundleFolders(resolve(config.data, 'models'), { blobs, newId })
  const modelFiles = createModelFiles({
    blobs,
    bundleFolder: (digest) => projects.bundleFolder(digest),
    // What a model requires is installed as it says, and its code is run as it is.
    ...(config.allowPickle && {
      async python(digest) {
        const folder = await modelFolders.folder(digest)
        const { command } = await python(join(folder, 'requirements.txt'))
        return { folder, command }
      },
    }),
  })
  const modelSpec = async (ctx: Context, ref: string) =>
    modelFiles.spec((await registry.get(ctx, ref)).digest)
  const predictions = createPredictions({
    rows,
    analytics,
    clock,
    log,
    newId,
    newTempPath: () => blobs.newTempPath(),
    inputsOf: async (project, ref) =>
      (await modelSpec(system(project), ref)).inputs.map((input) => input.name),
    fieldsOf: (project, endpoint) => routes.find(project, endpoint).spec.input,
  })

  const infer = createInfer({ clock, log, workers: config.inferenceWorkers })
  closers.push(() => infer.close())
  // Starts its worker with the first shadow.
  const shadowInfer = createInfer({ clock, log, workers: 1 })
  closers.push(() => shadowInfer.close())
  // Workers and DuckDB take half a second to start, and the server is not ready before an arm has asked both.
  if (isOn('serving') && routes.all().some(({ state }) => state.stable !== null)) {
    infer.start()
    analytics.query('SELECT 1').catch((error: unknown) => log.warn({ err: error }, 'analytics'))
  }
  const openServe = () =>
    createServe({
      routes,
      infer,
      shadowInfer,
      predictions,
      clock,
      log,
      async modelSource(project, { takes, runs: settings }, ref) {
        const { digest } = await registry.get(system(project), ref)
        return takes === 'tensors'
          ? modelFiles.graph(ref, digest, settings)
          : modelFiles.source(ref, digest)
      },
      planFeatures: (project, names, fields) => features.planLookup(system(project), names, fields),
      onOutcome({ releaseId, randomised, variant, subject, crashLoop, ...evidence }) {
        if (releaseId === null) return
        const { project, endpoint } = evidence
        if (variant === 'canary' && crashLoop !== undefined)
          releases.crashed({ project, endpoint, releaseId, reason: crashLoop })
        if (!randomised) return
        releases.count({ ...evidence, releaseId, arm: variant, subject: subject ?? undefined })
      },
      onShadow(landing) {
        predictions.logShadow(toLoggedShadow(landing))
        releases.countShadow(landing)
      },
    })
  const serve = isOn('serving') ? openServe() : undefined
  if (serve) closers.push(() => serve.close())
  const batches = createBatches({
    catalog,
    runs,
    analytics,
    blobs,
    routes,
    serve: serve ?? NO_SERVE,
    clock,
    sleep: systemSleep,
    log,
  })
  closers.push(() => batches.close())
  const releases = createReleases({
    catalog,
    events,
    leases,
    clock,
    newId,
    log,
    routes,
    registry,
    async ensure(ctx, endpoint, model, as) {
      await (serve ?? NO_SERVE).ensure(ctx, endpoint, model, as)
    },
    eventTime: async (ctx, endpoint) =>
      (await loop.eventTime(ctx, endpoint))?.toISOString() ?? null,
    rewards: (ctx, query) => predictions.rewards(ctx, query),
    writer: server,
  })
  closers.push(() => releases.close())
  const repository =
    serve &&
    createRepository({
      folder: config.modelRepository,
      pollMs: config.pollSeconds * 1_000,
      blobs,
      registry,
      releases,
      routes,
      serve,
      sleep: systemSleep,
      log,
      tryModel: async (ref, digest, settings) =>
        infer.openGraph(await modelFiles.graph(ref, digest, settings)),
    })
  const manifestNow = async (ctx: Context): Promise<Manifest | undefined> =>
    (await projects.find(ctx))?.manifest
  const monitor = createMonitor({
    catalog,
    events,
    clock,
    newId,
    predictions,
    specs: async (ctx) => (await manifestNow(ctx))?.monitors ?? [],
    model: modelSpec,
    referenceLogLoss: async (ctx, ref) => {
      const { digest } = await registry.get(ctx, ref)
      return (await evaluate.latest(ctx, digest))?.metrics.candidate['logLoss'] ?? undefined
    },
  })

  let phase: 'starting' | 'serving' | 'draining' = 'starting'
  const isReady = (): boolean => phase === 'serving'
  let url = ''
  let grpcAddress: string | undefined
  const convert = createConvert({
    catalog,
    blobs,
    runs,
    registry,
    unpack: (digest) => modelFolders.folder(digest),
    python,
    folder: resolve(config.data, 'tmp'),
    allowPickle: config.allowPickle,
    log,
  })
  closers.push(() => convert.close())
  const exec = openLocalExec({
    runner: siblingUrl('./runner', import.meta.url),
    maxJobs: Math.max(2, availableParallelism()),
    spareIdleMs: SPARE_IDLE_MS,
  })
  const pipelines = createPipelines({
    catalog,
    events,
    runs,
    leases,
    exec,
    clock,
    logs,
    sleep: systemSleep,
    log,
    builtins: createBuiltinSteps({
      analytics,
      features,
      predictions,
      evaluate,
      registry,
      routes,
      manifest: async (ctx, ref) => (await projects.version(ctx, ref)).manifest,
    }),
    facts: processFacts(),
    experiment: async (ctx, name) => (await experiments.named(ctx, name)).number,
    environment: (ctx, { name, timeoutMs }) => ({
      GYRE_URL: url,
      GYRE_PYTHON_ENVIRONMENTS: pythonFolder,
      GYRE_PASS: access.passForStep(ctx.project, `step:${name}`, timeoutMs + PASS_GRACE_MS),
    }),
    ahead: (spec) => ({
      GYRE_URL: url,
      ...(spec.kind === 'python' && {
        GYRE_PYTHON_ENVIRONMENTS: pythonFolder,
        ...(spec.requirements && { GYRE_PYTHON_LOCK: spec.requirements.digest }),
      }),
    }),
    async code(ctx, ref) {
      const version =
        ref === undefined ? await projects.current(ctx) : await projects.version(ctx, ref)
      const { manifest, bundleDigest: bundle, source } = version
      return { ref: version.ref, manifest, bundle, source }
    },
  })

  const loop = createLoop({
    catalog,
    events,
    leases,
    clock,
    newId,
    log,
    monitor,
    pipelines,
    predictions,
    registry,
    releases,
    routes,
    triggers: async (ctx) => (await manifestNow(ctx))?.triggers ?? [],
    holder: server,
  })

  const rooms: Rooms = {
    access,
    artifacts,
    batches,
    blobs,
    convert,
    data,
    evaluate,
    events,
    features,
    heldRuns,
    imports: createImports({ catalog, events, blobs, clock, artifacts, experiments }),
    loggedModels,
    logs,
    loop,
    monitor,
    pipelines,
    predictions,
    projects: declaring(projects),
    registry,
    releases,
    routes,
    runInputs: createRunInputs({ catalog }),
    runs,
    studies: createStudies({ catalog, events, runs, leases, clock, experiments }),
    traces,
    tracking,
    upkeep: createUpkeep({
      ...store,
      clock,
      log,
      version: VERSION,
      uploads: {
        find: () => findAbandoned({ catalog, blobs, clock }),
        drop: () => dropAbandoned({ catalog, blobs, clock }),
      },
    }),
  }
  const protocolServe: typeof serve = serve && {
    ...serve,
    models: (ctx) => [...serve.models(ctx), ...(repository?.refused(ctx) ?? [])],
  }
  const oip =
    protocolServe &&
    oipDoor({ serve: protocolServe, maxBodyBytes: config.maxTensorBytes, isReady, log })
  const http = createHttpServer({
    rooms,
    access,
    routes: v1Routes(config.modules),
    raw: [
      ...(serve && oip && repository
        ? [
            predictDoor({ serve, maxBodyBytes: config.maxBodyBytes }),
            repositoryDoor({ repository, door: oip }),
            oip,
            tfServingDoor({
              serve,
              maxBodyBytes: config.maxTensorBytes,
              prefix: config.tfServingPrefix,
              log,
            }),
            feedbackDoor({ predictions, maxBodyBytes: config.maxBodyBytes }),
          ]
        : [servingOffDoor()]),
      healthDoor(),
      mlflowDoor({ rooms, routes: mlflowRoutes(config.modules), log }),
      ...(isOn('tracking')
        ? [versionDoor(), getArtifactDoor({ rooms, log }), otlpDoor({ traces, log })]
        : []),
    ],
    answeredHosts: answeredHosts(config.host, config.allowedHosts),
    maxBodyBytes: config.maxBodyBytes,
    newId,
    clock,
    log,
  })
  closers.push(() => http.close())
  // Closed in the reverse order: what the loop and the steps under way still have to say needs the doors.
  closers.push(() => pipelines.close())
  closers.push(() => loop.close())
  const port = await http.listen(config.host, config.port)
  url = `http://${reachableHost(config.host)}:${port}`
  await serve?.ready()
  if (repository) {
    closers.push(() => repository.close())
    await repository.start()
  }
  phase = 'serving'
  if (protocolServe && config.grpcPort !== undefined) {
    const { maxTensorBytes } = config
    // Loaded by those who ask for it: the others need not wait for it.
    const { createGrpcServer } = await import('./api/oip/grpc-server.ts')
    const grpc = createGrpcServer({
      serve: protocolServe,
      access,
      maxTensorBytes,
      isReady,
      clock,
      newId,
      log,
    })
    closers.push(() => grpc.close())
    const bound = await grpc.listen(config.host, config.grpcPort)
    log.info({ port: bound }, 'gRPC is ready')
    grpcAddress = `${reachableHost(config.host)}:${bound}`
  }
  if (serve) await batches.resume()
  if (isOn('tracking')) {
    await heldRuns.watch()
    closers.push(async () => heldRuns.close())
  }
  if (isOn('pipelines')) await pipelines.resume()
  if (isOn('monitoring')) loop.start()
  const drain = async (): Promise<void> => {
    phase = 'draining'
    http.drain()
    if (config.drainDelayMs > 0)
      await systemSleep(config.drainDelayMs, new AbortController().signal)
  }
  return { url, ...(grpcAddress !== undefined && { grpcAddress }), drain }

  /** What is applied is also declared: views to the features room, endpoints to the routes. */
  function declaring(inner: Projects): Projects {
    return {
      ...inner,
      async apply(ctx, request, options) {
        const { views, endpoints } = request.manifest
        await features.check(ctx, views)
        const reply = await inner.apply(ctx, request, {
          ...options,
          also: async (tx, ref) => {
            await features.register(tx, ctx, views)
            for (const spec of endpoints) await routes.declare(tx, ctx, spec, ref)
          },
        })
        features.refresh(ctx)
        await routes.refresh()
        return reply
      },
    }
  }
}

/** As a request with the key is recorded. */
function toApprover({ name, createdAt }: Key): Approver {
  return { actor: actorOf(name), since: createdAt }
}

/** An endpoint as the registry sees it. */
function toUse({ name, spec, state }: RoutedEndpoint): EndpointUse {
  const { stable, previous, canary } = state
  const refs = [stable, previous, canary?.model ?? null, ...(spec.named ?? [])]
  const versions = refs.filter((ref) => ref !== null)
  return { endpoint: name, model: spec.model, versions }
}

/** In the place of serving where it is off. */
const NO_SERVE: Pick<Serve, 'ensure' | 'hold'> = { ensure: refuseServing, hold: refuseServing }

async function refuseServing(): Promise<never> {
  throw new GyreError('UNAVAILABLE', 'serving is off here: name it in --modules')
}

/** What the server does on its own account, in one project. */
function system(project: string): Context {
  return { project, actor: 'gyre', requestId: 'gyre' }
}

/** An address that others can reach asks for keys, so there must be one to ask for. */
async function assertKeyed({ host }: Config, countKeys: () => Promise<number>): Promise<void> {
  if (isLoopback(host) || (await countKeys()) > 0) return
  throw new GyreError(
    'UNAUTHENTICATED',
    `--host ${host} lets other machines in, and there is no key yet; make one first: start on 127.0.0.1 and run "gyre key create NAME --role admin"`,
    { host },
  )
}

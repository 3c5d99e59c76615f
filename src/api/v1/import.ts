import {
  ImportAliases,
  ImportedAliases,
  ImportedExperiments,
  ImportedFiles,
  ImportedLoggedModels,
  ImportedModels,
  ImportedModelVersions,
  ImportedRuns,
  ImportedSeries,
  ImportedStages,
  ImportedTraces,
  ImportExperiments,
  ImportFiles,
  ImportLoggedModels,
  ImportModels,
  ImportModelVersions,
  ImportRuns,
  ImportSeries,
  ImportStages,
  ImportTraces,
} from '@gyre/sdk/wire/import'
import { defineRoute } from '../route.ts'

export const importExperiments = defineRoute({
  method: 'POST',
  path: '/api/v1/import/experiments',
  summary: 'Experiments of another tracker, found by name or made',
  scope: 'write',
  body: ImportExperiments,
  reply: ImportedExperiments,
  errors: ['INVALID_ARGUMENT'],
  handle: async ({ imports }, ctx, { body }) => ({
    experiments: await imports.experiments(ctx, body.experiments),
  }),
})

export const importRuns = defineRoute({
  method: 'POST',
  path: '/api/v1/import/runs',
  summary: 'Runs of another tracker, under their own ids; what is here already is not added again',
  scope: 'write',
  body: ImportRuns,
  reply: ImportedRuns,
  errors: ['INVALID_ARGUMENT'],
  handle: async ({ imports }, ctx, { body }) => ({ runs: await imports.runs(ctx, body.runs) }),
})

export const importPoints = defineRoute({
  method: 'POST',
  path: '/api/v1/import/points',
  summary: 'Points of imported runs, each stretch where the one before it ended',
  scope: 'write',
  body: ImportSeries,
  reply: ImportedSeries,
  errors: ['INVALID_ARGUMENT'],
  handle: async ({ imports }, ctx, { body }) => ({
    series: await imports.points(ctx, body.series),
  }),
})

export const importFiles = defineRoute({
  method: 'POST',
  path: '/api/v1/import/files',
  summary: 'Files of a run, a logged model or a trace, whose bytes were stored before',
  scope: 'write',
  body: ImportFiles,
  reply: ImportedFiles,
  errors: ['INVALID_ARGUMENT'],
  handle: async ({ imports }, ctx, { body }) => ({ files: await imports.files(ctx, body) }),
})

export const importTraces = defineRoute({
  method: 'POST',
  path: '/api/v1/import/traces',
  summary:
    'Traces of another tracker, under their own ids, with their spans and what was said of them',
  scope: 'write',
  body: ImportTraces,
  reply: ImportedTraces,
  errors: ['INVALID_ARGUMENT'],
  handle: async ({ traces }, ctx, { body }) => ({ traces: await traces.adopt(ctx, body.traces) }),
})

export const importLoggedModels = defineRoute({
  method: 'POST',
  path: '/api/v1/import/logged-models',
  summary: 'Logged models of another tracker, under their own ids',
  scope: 'write',
  body: ImportLoggedModels,
  reply: ImportedLoggedModels,
  errors: ['INVALID_ARGUMENT'],
  handle: async ({ imports }, ctx, { body }) => ({
    models: await imports.loggedModels(ctx, body.models),
  }),
})

export const importModels = defineRoute({
  method: 'POST',
  path: '/api/v1/import/models',
  summary: 'Registered models of another registry, found by name or made',
  scope: 'write',
  body: ImportModels,
  reply: ImportedModels,
  errors: ['INVALID_ARGUMENT'],
  handle: async ({ registry }, ctx, { body }) => ({
    models: await registry.imports.models(ctx, body.models),
  }),
})

export const importModelVersions = defineRoute({
  method: 'POST',
  path: '/api/v1/import/model-versions',
  summary: 'Versions under their own numbers, of files that were imported before',
  scope: 'write',
  body: ImportModelVersions,
  reply: ImportedModelVersions,
  errors: ['INVALID_ARGUMENT'],
  handle: async ({ registry }, ctx, { body }) => ({
    versions: await registry.imports.versions(ctx, body.versions),
  }),
})

export const importAliases = defineRoute({
  method: 'POST',
  path: '/api/v1/import/aliases',
  summary: 'Aliases of imported models; `production` follows releases',
  scope: 'write',
  body: ImportAliases,
  reply: ImportedAliases,
  errors: ['INVALID_ARGUMENT'],
  handle: async ({ registry }, ctx, { body }) => ({
    aliases: await registry.imports.aliases(ctx, body.aliases),
  }),
})

export const importStages = defineRoute({
  method: 'POST',
  path: '/api/v1/import/stages',
  summary: 'Stages of imported versions, where the gates permit it; traffic stays as it is',
  scope: 'approve',
  body: ImportStages,
  reply: ImportedStages,
  errors: ['INVALID_ARGUMENT'],
  handle: async ({ registry }, ctx, { body }) => ({
    stages: await registry.imports.stages(ctx, body.stages),
  }),
})

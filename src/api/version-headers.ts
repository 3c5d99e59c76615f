import type { ServerResponse } from 'node:http'

/** Every answer says who gave it, a failed one too. */
export function nameVersion(
  response: ServerResponse,
  variant: unknown,
  model: unknown,
  rev: unknown,
): void {
  response.setHeader('x-gyre-variant', String(variant))
  response.setHeader('x-gyre-model-version', String(model))
  response.setHeader('x-gyre-route-rev', String(rev))
}

/** As `nameVersion`, by what an error of a model's own knows of it. */
export function nameFailedVersion(
  response: ServerResponse,
  details: Readonly<Record<string, unknown>>,
): void {
  const { variant, model_version: model, route_rev: rev } = details
  if (variant !== undefined) nameVersion(response, variant, model, rev)
}

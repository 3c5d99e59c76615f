import { z } from 'zod'
import { Name } from './ref.ts'

/** A value of a request must lie within a relative distance of a looked-up feature. */
export const Matches = z.strictObject({
  view: Name,
  feature: Name,
  /** Relative tolerance, 0.02 = two per cent. */
  within: z.number().positive().max(1),
})
export type Matches = z.infer<typeof Matches>

/** What a column or a request field must be. `mostly` is the share of rows that must comply. */
export const ColumnContract = z.strictObject({
  type: z.enum(['timestamp', 'int', 'number', 'text', 'boolean']),
  min: z.exactOptional(z.number()),
  max: z.exactOptional(z.number()),
  pattern: z.exactOptional(z.string()),
  oneOf: z.exactOptional(z.array(z.string())),
  nullable: z.exactOptional(z.boolean()),
  unique: z.exactOptional(z.boolean()),
  mostly: z.exactOptional(z.number().min(0).max(1)),
  matches: z.exactOptional(Matches),
})
export type ColumnContract = z.infer<typeof ColumnContract>

/** The label of a dataset and the moment from which it is known. Both are columns, given or derived. */
export const LabelSpec = z.strictObject({ column: Name, knownAt: Name })
export type LabelSpec = z.infer<typeof LabelSpec>

export const DatasetSpec = z.strictObject({
  name: Name,
  /** Where the client finds the file; resolved by the client, never by the server. */
  source: z.strictObject({ format: z.enum(['parquet', 'csv', 'jsonl']), path: z.string().min(1) }),
  columns: z.record(Name, ColumnContract),
  /** Derived columns: name → DuckDB expression over the file's columns and earlier derived ones. */
  derive: z.exactOptional(z.record(Name, z.string().min(1))),
  /** Name of the column that says what a row is about. Absent in the file, it is the row's number from 0. */
  subject: z.exactOptional(Name),
  /** Column that holds when the row happened. */
  at: z.exactOptional(Name),
  label: z.exactOptional(LabelSpec),
})
export type DatasetSpec = z.infer<typeof DatasetSpec>

/** The result of one contract check over a whole file. */
export const CheckResult = z.strictObject({
  column: z.string(),
  check: z.string(),
  rows: z.number().int(),
  unexpected: z.number().int(),
  mostly: z.number(),
  passed: z.boolean(),
})
export type CheckResult = z.infer<typeof CheckResult>

export const ColumnProfile = z.strictObject({
  name: z.string(),
  type: z.string(),
  nulls: z.number().int(),
  distinct: z.number().int(),
  min: z.union([z.string(), z.number(), z.null()]),
  max: z.union([z.string(), z.number(), z.null()]),
  mean: z.number().nullable(),
})
export type ColumnProfile = z.infer<typeof ColumnProfile>

export const DatasetVersion = z.strictObject({
  name: z.string(),
  version: z.string(),
  ref: z.string(),
  rows: z.number().int(),
  /** Digest of the imported Parquet, with derived columns. */
  digest: z.string(),
  /** Digest of the file it was made from. */
  sourceDigest: z.string(),
  runId: z.string(),
  createdAt: z.string(),
  checks: z.array(CheckResult),
  profile: z.array(ColumnProfile),
})
export type DatasetVersion = z.infer<typeof DatasetVersion>

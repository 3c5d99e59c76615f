import type { Migration } from './migration.ts'

/** An approval names the gates whose verdicts it was given on. */
export const approvalGates: Migration = {
  version: 27,
  name: 'approval-gates',
  up(exec) {
    exec('ALTER TABLE model_approvals ADD COLUMN gates TEXT;')
  },
}

import { seededRandom } from '../../core/random.ts'

const ROWS = 3000

/** One new customer every three hours or so: 3,000 of them in 2025. */
const BETWEEN_MS = (365 * 86_400_000) / ROWS

const PLANS = ['free', 'team', 'firm'] as const

/** Log-odds of leaving by plan. */
const PLAN_WEIGHT = { free: 0.6, team: -0.3, firm: -1 } as const

/**
 * Made-up customers, oldest first: those who seldom came in their first week, asked for help often or pay
 * nothing leave more often. Whether one left is known 30 days after signing up.
 */
export function customersCsv(): string {
  const random = seededRandom(2025)
  const lines = ['customer,signed_up,plan,visits,tickets,left']
  for (let row = 0; row < ROWS; row++) {
    const signedUp = new Date(Date.UTC(2025, 0, 1) + Math.round(row * BETWEEN_MS))
    const plan = PLANS[Math.floor(random() * PLANS.length)] ?? 'free'
    const visits = Math.floor(random() * random() * 40)
    const tickets = Math.floor(random() * random() * 6)
    const odds = 0.9 - 0.16 * visits + 0.45 * tickets + PLAN_WEIGHT[plan]
    const left = random() < 1 / (1 + Math.exp(-odds))
    lines.push([`c${row}`, signedUp.toISOString(), plan, visits, tickets, left ? 1 : 0].join(','))
  }
  return `${lines.join('\n')}\n`
}

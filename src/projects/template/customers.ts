import { seededRandom } from '../../core/random.ts'

const ROWS = 3000

/** One new customer every three hours or so: 3,000 of them in 2025. */
const BETWEEN_MS = (365 * 86_400_000) / ROWS

const PLANS = ['free', 'team', 'firm'] as const

/** Log-odds of leaving. What tickets mean depends on the visits: a sum of columns does not tell, a tree does. */
function oddsOf(plan: (typeof PLANS)[number], visits: number, tickets: number): number {
  const byPlan = { free: 0.6, team: -0.3, firm: -1 }[plan]
  if (visits < 5) return 1.2 + byPlan
  return (tickets >= 2 ? 1.4 : -1.8) + byPlan
}

/**
 * Made-up customers, oldest first: those who seldom came in their first week, or came and had to ask for help,
 * leave more often. Whether one has left is known 30 days after signing up.
 */
export function customersCsv(): string {
  const random = seededRandom(2025)
  const lines = ['customer,signed_up,plan,visits,tickets,churned']
  for (let row = 0; row < ROWS; row++) {
    const signedUp = new Date(Date.UTC(2025, 0, 1) + Math.round(row * BETWEEN_MS))
    const plan = PLANS[Math.floor(random() * PLANS.length)] ?? 'free'
    const visits = Math.floor(random() * random() * 40)
    const tickets = Math.floor(random() * random() * 6)
    const churned = random() < 1 / (1 + Math.exp(-oddsOf(plan, visits, tickets)))
    lines.push(
      [`c${row}`, signedUp.toISOString(), plan, visits, tickets, churned ? 1 : 0].join(','),
    )
  }
  return `${lines.join('\n')}\n`
}

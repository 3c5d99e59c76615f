const DAY_MS = 86_400_000

/** US federal holidays of the first half of 2001. Nobody has added Independence Day yet. */
const HOLIDAYS = ['2001-01-01', '2001-01-15', '2001-02-19', '2001-05-28'].map(
  (day) => new Date(day),
)

/** Days from a flight to the next holiday. */
export function holidays({ date }: { readonly date: Date }) {
  const next = HOLIDAYS.filter((holiday) => holiday.getTime() + DAY_MS > date.getTime())
  return { daysToHoliday: Math.ceil((firstOf(next).getTime() - date.getTime()) / DAY_MS) }
}

function firstOf(days: readonly Date[]): Date {
  const [first] = days
  if (!first) throw new RangeError('no holiday ahead')
  return first
}

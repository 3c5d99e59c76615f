/** When a flight leaves, as numbers: hour 0–23 and weekday 0 (Sunday) – 6. */
export function calendar({ date }: { readonly date: Date }) {
  return { hour: date.getUTCHours(), weekday: date.getUTCDay() }
}

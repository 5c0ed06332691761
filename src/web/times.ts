/** Formats times in the language of the browser. */

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' })
const near = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' })
const far = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'long', year: 'numeric' })

export const clockTime = (at: number): string => clock.format(at)
/** Returns a date with its year, such as `3 February 2026`. */
export const fullDate = (at: number): string => far.format(at)
export const fullTime = (at: number): string => full.format(at)

/** Returns `Today`, `Yesterday`, a weekday with its date, or the date with its year. */
export const dayName = (at: number, now = Date.now()): string => {
  const isDay = (days: number): boolean => {
    const day = new Date(now)
    day.setDate(day.getDate() - days)
    return day.toDateString() === new Date(at).toDateString()
  }
  if (isDay(0)) return 'Today'
  if (isDay(1)) return 'Yesterday'
  return new Date(at).getFullYear() === new Date(now).getFullYear() ? near.format(at) : far.format(at)
}

const UNITS: readonly (readonly [seconds: number, unit: string])[] = [
  [86_400, 'day'],
  [3600, 'hour'],
  [60, 'minute'],
  [1, 'second']
]

/** Returns a duration in the largest unit that divides it, such as `5 minutes`. */
export const durationOf = (seconds: number): string => {
  const [size, unit] = UNITS.find(([size]) => seconds >= size && seconds % size === 0) ?? [1, 'second']
  const count = seconds / size
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}

const short = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })

export const shortTime = (at: number): string => short.format(at)

/** Formats times and durations. Times are shown in the time zone of the user. */

const two = (number: number): string => String(number).padStart(2, '0')

/** Returns the hour and the minute. */
export const timeOf = (at: string | number): string => {
  const date = new Date(at)
  return `${two(date.getHours())}:${two(date.getMinutes())}`
}

/** Returns the hour, the minute and the second. */
export const exactTimeOf = (at: string | number): string => `${timeOf(at)}:${two(new Date(at).getSeconds())}`

export const dayOf = (at: string): string => {
  const date = new Date(at)
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
}

export const dayAndTimeOf = (at: string): string => `${dayOf(at)} ${timeOf(at)}`

const UNITS = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60]
] as const

/** Returns a duration such as `5 minutes`, in the largest unit that divides it. */
export const durationOf = (seconds: number): string => {
  const [unit, size] = UNITS.find(([, size]) => seconds >= size && seconds % size === 0) ?? ['second', 1]
  const count = seconds / size
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}

/** Estimates a ratio from pairs of measurements. */

/** The 97.5 % quantiles of Student's t distribution for 1 to 30 degrees of freedom (NIST/SEMATECH e-Handbook, 1.3.6.7.2). */
const T = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042
]

export interface Interval {
  readonly lower: number
  /** The geometric mean of the ratios. */
  readonly ratio: number
  readonly upper: number
}

/** Returns the mean ratio and its 95 % interval. The logarithms of the ratios are treated as normally distributed. */
export const intervalOf = (ratios: readonly number[]): Interval => {
  const logs = ratios.map(Math.log)
  const mean = logs.reduce((sum, value) => sum + value, 0) / logs.length
  const variance = logs.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (logs.length - 1)
  const half = (T[logs.length - 2] ?? 1.96) * Math.sqrt(variance / logs.length)
  return { lower: Math.exp(mean - half), ratio: Math.exp(mean), upper: Math.exp(mean + half) }
}

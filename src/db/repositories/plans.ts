/** Keeps PostgreSQL from planning the statements of this folder again at each call. */

/**
 * Returns SQL for a parameter whose value the planner does not know. The parameter includes its type, such as `$1::integer[]`.
 * While a plan for the given values seems cheaper than one for any values, PostgreSQL plans a prepared statement at each call. For
 * statements that look up a few rows, planning takes longer than the call, and both plans read the same rows.
 * @internal
 */
export const unplanned = (parameter: string): string => `(select ${parameter})`

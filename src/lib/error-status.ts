/** Reads the HTTP status of an error that a host application, Fastify or a plugin throws. */

/** Returns a value if it is an HTTP status of an error (400-599). Otherwise returns undefined. */
export const statusOf = (status: unknown): number | undefined =>
  typeof status === 'number' && Number.isInteger(status) && status >= 400 && status <= 599 ? status : undefined

/**
 * Returns the HTTP status of a thrown value, which need not be an Error: its `statusCode` or its `status`, as Fastify reads
 * them. Returns undefined if neither is a status of an error.
 */
export const errorStatus = (thrown: unknown): number | undefined => {
  if (typeof thrown !== 'object' || thrown === null) return undefined
  const { statusCode, status }: { readonly statusCode?: unknown; readonly status?: unknown } = thrown
  return statusOf(statusCode) ?? statusOf(status)
}

/** Options of @fastify/helmet for an API without pages. The API documents and the web client set their own policies. */
const POLICY = {
  contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } }
}

/**
 * Options for a standalone service. If a browser reaches the service over TLS, HSTS makes the browser use only TLS for a year.
 * Subdomains are excluded, because they may belong to other services of the operator.
 */
export const OWN_HEADERS = { ...POLICY, strictTransportSecurity: { maxAge: 31_536_000, includeSubDomains: false } }

/** Options for the routes in a host application. HSTS is left to the host, because it affects the whole domain. */
export const EMBEDDED_HEADERS = { ...POLICY, strictTransportSecurity: false }

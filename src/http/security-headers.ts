/** Options of @fastify/helmet for an API, which serves no pages; the documents and the page bring a policy of their own. */
const POLICY = {
  contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } }
}

/**
 * For a service of its own: browsers are to use TLS for a year where a proxy offers it. Not for subdomains, which may be other
 * services of the operator.
 */
export const OWN_HEADERS = { ...POLICY, strictTransportSecurity: { maxAge: 31_536_000, includeSubDomains: false } }

/** For routes inside a host application: what concerns the whole domain (HSTS) is left to the host application. */
export const EMBEDDED_HEADERS = { ...POLICY, strictTransportSecurity: false }

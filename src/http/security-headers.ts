/** Configures @fastify/helmet for an API without pages. The API documentation and the web client set policies of their own. */
const POLICY = {
  contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } }
}

/**
 * Sets the headers of a standalone service: browsers use TLS for a year if a proxy offers it. Subdomains are excluded, because
 * they may be other services of the operator.
 */
export const OWN_HEADERS = { ...POLICY, strictTransportSecurity: { maxAge: 31_536_000, includeSubDomains: false } }

/** Sets the headers of routes in a host application, which decides itself what affects its whole domain (HSTS). */
export const EMBEDDED_HEADERS = { ...POLICY, strictTransportSecurity: false }

/**
 * Headers that tell browsers what they must not do with a response. They are constants, because responses to reads of the history
 * are so short that computing a dozen headers would take a considerable part of their time.
 */

/**
 * Headers of every response. JSON has only these: browsers must not guess another type, must not show it as a page that loads or is
 * framed by anything, and must not load it into a page of another origin. The API documents and the web client set their own policies.
 */
export const DATA_HEADERS = {
  'content-security-policy': "default-src 'none';frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'x-content-type-options': 'nosniff'
}

/** Further headers of all other responses, such as pages, scripts and redirects. They have no effect on JSON. */
export const DOCUMENT_HEADERS = {
  'cross-origin-opener-policy': 'same-origin',
  'origin-agent-cluster': '?1',
  'referrer-policy': 'no-referrer',
  'x-dns-prefetch-control': 'off',
  'x-download-options': 'noopen',
  'x-frame-options': 'SAMEORIGIN',
  'x-permitted-cross-domain-policies': 'none',
  'x-xss-protection': '0'
}

/**
 * If a browser reaches the service over TLS, HSTS makes the browser use only TLS for a year (RFC 6797).
 * Subdomains are excluded, because they may belong to other services of the operator.
 */
export const HSTS = { 'strict-transport-security': 'max-age=31536000' }

/**
 * Defines the headers that restrict what browsers may do with a response. The headers are constants, because computing a dozen
 * headers takes long compared with a read of the history.
 */

/**
 * Security headers of every response. JSON responses have no others, except HSTS on a server that belongs to the chat. With
 * these headers, a browser does not guess the type of a response, and does not show a response in a frame. If a browser shows a
 * response as a page, the page cannot load anything. A page of another origin cannot load a response unless CORS allows it. The
 * API documents and the web client set their own policies.
 */
export const DATA_HEADERS = {
  'content-security-policy': "default-src 'none';frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'x-content-type-options': 'nosniff'
}

/** Further headers of responses that are not JSON, such as pages, scripts and redirects. They have no effect on JSON. */
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
 * If a browser reaches the service over TLS, HSTS makes the browser use only TLS for a year (RFC 6797). Subdomains are
 * excluded, because they may belong to other services of the operator.
 */
export const HSTS = { 'strict-transport-security': 'max-age=31536000' }

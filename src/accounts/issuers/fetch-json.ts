/** Fetches JSON documents of an issuer, with limits on time and size. */
import { isSecureUrl } from '../../lib/secure-url.ts'

/** Returns the JSON document at a URL. Rejects if there is no such document, or if a limit is exceeded. */
export type FetchJson = (url: string) => Promise<unknown>

/** Maximum time in milliseconds for the whole response. */
const TIMEOUT_MS = 5000
/** Maximum size of a document in bytes. The key sets of large providers, which include certificates, take about 20 kB. */
const MAX_BYTES = 256 * 1024

/** Does not follow redirects, because a redirect could lead to an address that only this computer can reach. */
export const fetchJson: FetchJson = async url => {
  if (!isSecureUrl(url)) throw new Error('The URL of an issuer must begin with https://, or http:// for localhost.')
  const response = await fetch(url, {
    redirect: 'manual',
    headers: { accept: 'application/json' },
    signal: AbortSignal.timeout(TIMEOUT_MS)
  })
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new Error(`The issuer responded with the status ${response.status} instead of 200.`)
  }
  return JSON.parse(await textOf(response))
}

const textOf = async ({ body }: Response): Promise<string> => {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body ?? []) {
    size += chunk.byteLength
    // Throwing an error ends the iteration, which cancels the response.
    if (size > MAX_BYTES) throw new Error(`The document of the issuer is larger than ${MAX_BYTES} bytes.`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

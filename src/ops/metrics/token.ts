/** Checks the token of requests for metrics. */
import { createHash, timingSafeEqual } from 'node:crypto'

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/** Returns a function that compares an `Authorization` header with a bearer token in constant time. */
export const createTokenCheck = (token: string): ((authorization: string | undefined) => boolean) => {
  const expected = digest(token)
  return (authorization = '') => {
    const [, given = ''] = /^Bearer +(\S+) *$/i.exec(authorization) ?? []
    return timingSafeEqual(digest(given), expected)
  }
}

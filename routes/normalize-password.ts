/**
 * Normalizes the password in the body of a request before the body is validated, so that the limits apply to the text that is
 * hashed.
 */
import type { FastifyRequest } from 'fastify'
import { MAX_PASSWORD, normalizePassword } from '../src/protocol/http/users.ts'
import { characters } from '../src/protocol/validation.ts'

/** Returns a `preValidation` hook that normalizes a field of a body if `isWanted` returns true for its value. */
export const normalizing =
  (field: string, isWanted: (password: string) => boolean = () => true) =>
  async ({ body }: FastifyRequest): Promise<void> => {
    const password = Object(body)[field]
    if (typeof password === 'string' && isWanted(password)) Object(body)[field] = normalizePassword(password)
  }

/**
 * Returns whether a password is so long that it must be normalized, because its normalized form may be short enough. A shorter
 * password of a login is not normalized here, because older hashes were created without normalization.
 */
export const isOverlong = (password: string): boolean => characters(password) > MAX_PASSWORD

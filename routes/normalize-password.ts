/** Normalizes the password in the body of a request before the body is validated, so that its length is that of what is hashed. */
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
 * Returns whether a password that is verified is normalized because it might then be short enough. A shorter password is not
 * normalized, because the stored hash may be that of a password which was not normalized either.
 */
export const isOverlong = (password: string): boolean => characters(password) > MAX_PASSWORD

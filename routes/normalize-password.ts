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
 * Returns whether a password exceeds the maximum length before its normalization. The hooks of logins and proofs normalize only
 * such passwords, because the normalized form may be short enough to pass the validation. They keep other passwords as they
 * are, because the stored hash may be the hash of a password in its original form.
 */
export const isOverlong = (password: string): boolean => characters(password) > MAX_PASSWORD

/** Normalizes the password in the body of a request before the body is validated, so that its length is that of what is hashed. */
import type { FastifyRequest } from 'fastify'
import { normalizePassword } from '../src/protocol/http/users.ts'

/** Returns a `preValidation` hook that normalizes a field of a body if `isWanted` returns true for its value. */
export const normalizing =
  (field: string, isWanted: (password: string) => boolean = () => true) =>
  async ({ body }: FastifyRequest): Promise<void> => {
    const password = Object(body)[field]
    if (typeof password === 'string' && isWanted(password)) Object(body)[field] = normalizePassword(password)
  }

/** Reads the password of a user whom the operator creates. Applies the rules of registrations to the name and the password. */
import { createPasswordPolicy, serviceNamesOf } from '../accounts/passwords/policy.ts'
import { createPasswords } from '../accounts/passwords.ts'
import type { Settings } from '../config/settings.ts'
import { normalizePassword, Registration } from '../protocol/http/users.ts'
import { compile, sentencesOf, violations } from '../protocol/validation.ts'
import { readNewPassword } from './terminal.ts'

const isValid = compile(Registration)

/** Returns the name and the hash of the password. Throws an error if the name or the password violates a rule. */
export const readNewUser = async (
  username: string,
  { bcryptRounds, passwordCommonCheck, publicUrl }: Settings
): Promise<{ readonly username: string; readonly hashedPassword: string }> => {
  // Checks the name before the operator is asked for a password. The placeholder password violates no rule.
  check({ username, password: 'SecurePass123' })
  const password = normalizePassword(await readNewPassword())
  check({ username, password })
  createPasswordPolicy({ isCommonChecked: passwordCommonCheck, serviceNames: serviceNamesOf(publicUrl) }).check(
    password,
    username
  )
  return { username, hashedPassword: await createPasswords({ rounds: bcryptRounds }).hash(password) }
}

const check = (registration: object): void => {
  if (isValid(registration)) return
  throw new Error(`The user was not created. ${sentencesOf(violations(isValid.errors ?? []))}`)
}

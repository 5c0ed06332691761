/** Decides which new passwords are refused because they are easy to guess. */
import { ChatError } from '../../protocol/errors.ts'
import { isCommon, isMostlyName } from './common.ts'

export interface PasswordPolicy {
  /** Throws `password_too_common` if a new password of a user is easy to guess. Existing passwords are never checked. */
  check(password: string, username: string): void
}

export interface PasswordPolicyOptions {
  /** True if passwords that are easy to guess are refused. If false, `check` accepts every password. */
  readonly isCommonChecked: boolean
  /** The names of the service, such as its host name. */
  readonly serviceNames: readonly string[]
}

export const createPasswordPolicy = ({ isCommonChecked, serviceNames }: PasswordPolicyOptions): PasswordPolicy => ({
  check(password, username) {
    if (!isCommonChecked) return
    if (isMostlyName(password, [username, ...serviceNames])) {
      throw new ChatError(
        'password_too_common',
        'The password is little more than the name of the account or of the service. Choose another password.'
      )
    }
    if (isCommon(password)) {
      throw new ChatError(
        'password_too_common',
        'The password is a variation of one that many people use. Choose another one, for example four unrelated words and a digit.'
      )
    }
  }
})

/** Names that are common to every instance of the service. */
const PRODUCT_NAMES = ['fastify-chat']

/** Returns the names of a service: the name of the program, its host name, and the parts of the host name. */
export const serviceNamesOf = (publicUrl: string | undefined): string[] => {
  const host = publicUrl === undefined ? '' : new URL(publicUrl).hostname
  return [...PRODUCT_NAMES, host, ...host.split('.')].filter(Boolean)
}

/** Creates the account API of a session. Only forms and dialogs use it, so it is loaded with them. */
import { type AccountApi, createAccountApi, type Session } from '../../client/src/index.ts'
import { serviceUrl } from './session.ts'

export const accountOf = ({ token }: Session): AccountApi => createAccountApi({ url: serviceUrl, token })

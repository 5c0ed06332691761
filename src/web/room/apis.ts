/** Creates the API clients that only dialogs use. In a file of their own, so that they are loaded with the dialogs. */
import {
  createInvitationApi,
  createModerationApi,
  createSafetyApi,
  type InvitationApi,
  type ModerationApi,
  type SafetyApi,
  type Session
} from '../../../client/src/index.ts'
import { serviceUrl } from '../session.ts'

const optionsOf = ({ token }: Session) => ({ url: serviceUrl, token })

export const moderationOf = (session: Session): ModerationApi => createModerationApi(optionsOf(session))
export const invitationsOf = (session: Session): InvitationApi => createInvitationApi(optionsOf(session))
export const safetyOf = (session: Session): SafetyApi => createSafetyApi(optionsOf(session))

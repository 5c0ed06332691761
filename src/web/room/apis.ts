/** Creates the APIs that only dialogs use, so that they are loaded with them. */
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

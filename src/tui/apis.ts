/** Creates the functions for moderators, invitations, blocks and reports, which are not part of the chat client of the SDK. */
import {
  type ChatApiOptions,
  createInvitationApi,
  createModerationApi,
  createSafetyApi,
  type InvitationApi,
  type ModerationApi,
  type SafetyApi
} from '../../client/src/index.ts'

export interface Apis {
  readonly moderation: ModerationApi
  readonly invitations: InvitationApi
  readonly safety: SafetyApi
}

export const createApis = (options: ChatApiOptions): Apis => ({
  moderation: createModerationApi(options),
  invitations: createInvitationApi(options),
  safety: createSafetyApi(options)
})

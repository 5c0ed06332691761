/**
 * Returns the features that the service offers to people who are not logged in, so that a page shows only available features.
 */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { refTo } from '../src/protocol/components.ts'
import { AuthFeatures } from '../src/protocol/http/features.ts'
import { jsonResponse, PUBLIC, problems } from '../src/protocol/openapi.ts'

export interface AuthFeatureRoutesOptions {
  readonly registration: AuthFeatures['registration']
  readonly requireVerifiedEmail: boolean
}

const authFeatureRoutes: FastifyPluginAsyncTypebox<AuthFeatureRoutesOptions> = async (fastify, options) => {
  const { accounts } = fastify.chatAuth
  if (!accounts) return
  const { registration, requireVerifiedEmail } = options
  const features = {
    registration,
    mail: accounts.context.mail.isConfigured,
    verified_email: requireVerifiedEmail,
    passkeys: accounts.twoFactor.hasPasskeys
  }

  fastify.route({
    method: 'GET',
    url: '/api/auth/features',
    schema: {
      operationId: 'getAuthFeatures',
      summary: 'What the service offers: registration, mails, passkeys',
      description: 'Clients hide what the service does not offer. The response is the same for everybody.',
      tags: ['auth'],
      security: PUBLIC,
      response: { 200: jsonResponse('The features.', refTo(AuthFeatures)), ...problems() }
    },
    handler: async () => features
  })
}

export default authFeatureRoutes

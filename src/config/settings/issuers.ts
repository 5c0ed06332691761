/** The settings of another issuer of access tokens, such as a company's identity provider. */
import { isSecureUrl } from '../../lib/secure-url.ts'
import { flag, optional, ownedBy, text } from './define.ts'

const RULE = 'must be an https:// URL without user name and fragment, or an http:// URL of localhost'

const isSecure = (value: unknown): string[] => (isSecureUrl(String(value)) ? [] : [RULE])

export const issuerSettings = ownedBy('auth', {
  authIssuer: optional(
    text({
      maxLength: 1000,
      pattern: '^https?://[^\\s?#]+$',
      'x-rule': `${RULE}, and without a query`,
      description:
        'Another issuer whose access tokens are accepted: exactly the `iss` claim of its tokens, such as `https://login.example.com/realms/main`. Requires `AUTH_AUDIENCE` and the package `jose`, which the image contains.',
      check: isSecure
    })
  ),
  authAudience: optional(
    text({
      maxLength: 1000,
      description:
        'The value that the `aud` claim of tokens of `AUTH_ISSUER` must equal or contain. Other tokens are rejected.'
    })
  ),
  authJwksUrl: optional(
    text({
      maxLength: 1000,
      pattern: '^https?://[^\\s#]+$',
      'x-rule': RULE,
      description: 'The URL of the public keys of `AUTH_ISSUER`.',
      derived: 'the `jwks_uri` in `AUTH_ISSUER/.well-known/openid-configuration`',
      check: isSecure
    })
  ),
  authNameClaim: text({
    default: 'preferred_username',
    maxLength: 200,
    description:
      'The claim from which the username of a new user is derived. The username is made valid and unique, and does not change later.'
  }),
  authLocal: flag(true, {
    description:
      'Whether users can register and log in at this service. `false` allows only users of `AUTH_ISSUER`, which is then required.'
  })
})

/** Defines the schemas of sessions. */
import { type Static, Type } from '@sinclair/typebox'
import { Timestamp } from '../timestamp.ts'
import { MAX_PASSWORD } from './users.ts'

const SESSION_ID = 'T2s4kq3Yx0mZb1cVn8QwLA'

/** Describes the body of `POST /api/auth/refresh` and `POST /api/auth/logout`. */
export const RefreshTokenBody = Type.Object(
  {
    refresh_token: Type.Optional(
      Type.String({ minLength: 1, maxLength: 256, description: 'Absent if the token is in the cookie.' })
    )
  },
  { $id: 'ChatRefreshToken', examples: [{ refresh_token: `${SESSION_ID}.1.…` }] }
)
export type RefreshTokenBody = Static<typeof RefreshTokenBody>

/** Describes the body of `POST /api/auth/proof`. */
export const Proof = Type.Object(
  {
    password: Type.String({ minLength: 1, maxLength: MAX_PASSWORD }),
    code: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 64,
        description: 'The code of the second factor, if the account has one.'
      })
    )
  },
  { $id: 'ChatProof', examples: [{ password: 'SecurePass123' }] }
)
export type Proof = Static<typeof Proof>

/** Describes the response of `POST /api/auth/proof` and `POST /api/auth/passkeys/proof`. */
export const Proven = Type.Object(
  { expires_in: Type.Integer({ minimum: 1, description: 'Seconds for which the proof is accepted.' }) },
  { $id: 'ChatProven', examples: [{ expires_in: 600 }] }
)
export type Proven = Static<typeof Proven>

const Session = Type.Object({
  id: Type.String(),
  device: Type.Union([Type.String(), Type.Null()], { description: 'The `User-Agent` of the login.' }),
  address: Type.Union([Type.String(), Type.Null()], { description: 'The network address of the login.' }),
  created_at: Timestamp,
  last_used_at: Timestamp,
  current: Type.Boolean({ description: 'Whether the request belongs to this session.' })
})

/** Describes the response of `GET /api/auth/sessions`. */
export const SessionList = Type.Object(
  { sessions: Type.Array(Session) },
  {
    $id: 'ChatSessionList',
    examples: [
      {
        sessions: [
          {
            id: SESSION_ID,
            device: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
            address: '203.0.113.7',
            created_at: '2026-01-31T12:00:00.123+00:00',
            last_used_at: '2026-01-31T12:00:00.123+00:00',
            current: true
          }
        ]
      }
    ]
  }
)
export type SessionList = Static<typeof SessionList>

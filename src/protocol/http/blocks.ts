/** Defines the schemas of blocked users. */
import { Type } from '@sinclair/typebox'
import { Timestamp } from '../timestamp.ts'
import { UserId } from './members.ts'

/** Describes the response of `GET /api/users/me/blocks`. */
export const BlockList = Type.Object(
  { blocks: Type.Array(Type.Object({ user_id: UserId, username: Type.String(), created_at: Timestamp })) },
  {
    $id: 'ChatBlockList',
    examples: [{ blocks: [{ user_id: 2, username: 'jane', created_at: '2026-01-31T12:00:00.123+00:00' }] }]
  }
)

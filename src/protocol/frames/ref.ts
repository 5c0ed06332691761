/** Defines the field `ref`, which every frame of a client may have. */
import { Type } from '@sinclair/typebox'

const Ref = Type.String({ maxLength: 64, description: 'Echoed in the response to this frame.' })
export const ref = Type.Optional(Ref)

/** Defines the field `ref`, which every frame of a client may have, and which the response repeats. */
import { Type } from '@sinclair/typebox'

const refOf = (description: string) => Type.Optional(Type.String({ maxLength: 64, description }))

/** The `ref` of a frame that a client sends. */
export const ref = refOf('Repeated in the response to this frame.')
/** The `ref` of a frame with which the service responds. */
export const repeatedRef = refOf('The `ref` of the frame that this frame responds to.')

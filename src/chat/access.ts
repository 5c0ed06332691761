/** The one rule about who may do what in a room. Everything asks here; who may not read is told that there is no such room. */

/** What can be done in a room. */
export type Action = 'read' | 'post' | 'create'

/** The person who wants to. */
export interface Actor {
  readonly userId: number
  readonly username: string
}

/** Decides. Everyone who is logged in may do everything, until rooms have members. */
export type Authorize = (actor: Actor, room: string, action: Action) => boolean

export const everyoneMay: Authorize = () => true

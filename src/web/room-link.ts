/** Creates links to rooms. The URL of the page contains the name of the current room after the `#`. */

/** The room that every user can read. */
export const DEFAULT_ROOM = 'general'

export const linkTo = (room: string): string => `#${encodeURIComponent(room)}`

/** Shows a room. */
export const goTo = (room: string): void => {
  location.hash = linkTo(room)
}

/** Returns the key under which the storage of the tab has the draft of a room. */
export const draftKey = (room: string): string => `draft:${room}`

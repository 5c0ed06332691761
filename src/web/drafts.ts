/** Returns the key of a room's draft in the tab's storage. */
export const draftKey = (room: string): string => `draft:${room}`

/** Returns the link with which people join a room. mail-links.ts reads it. */
export const inviteLinkOf = (code: string): string => `${location.origin}${location.pathname}#invite=${code}`

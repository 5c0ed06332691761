/** Normalizes the keys of reactions, so that apps can compare them with `reactions` and `mine` of a message. */

/**
 * Returns the key of a reaction in the form in which the service stores and returns it: in Unicode NFC, and without U+FE0F,
 * which some keyboards omit.
 */
export const reactionKeyOf = (key: string): string => key.normalize('NFC').replaceAll('\uFE0F', '')

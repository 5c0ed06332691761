/** Defines the icons of the actions that a user can take on a message. */
import { icon } from '../icons.tsx'

export const Reply = icon('M8 4.5L3 9.5l5 5M3.5 9.5H12c3 0 5 2 5 5.5', 18)
export const Smile = icon(
  'M6.8 11.8c1.6 2.4 4.8 2.4 6.4 0M7.4 7.6v.4M12.6 7.6V8M10 2.5a7.5 7.5 0 1 0 0 15a7.5 7.5 0 1 0 0-15',
  18
)
export const Pencil = icon(
  'M3.5 16.5l1-4 8.7-8.7a1.8 1.8 0 0 1 2.6 0l.4.4a1.8 1.8 0 0 1 0 2.6l-8.7 8.7zM11.5 5.5l3 3',
  18
)
export const Copy = icon('M7 7h10v10H7zM13 7V3H3v10h4', 18)
export const Trash = icon('M3.5 5.5h13M8 5.5V3.5h4v2M5.5 5.5l.7 11h7.6l.7-11M8.5 9v4.5M11.5 9v4.5', 18)
export const Flag = icon('M5 17.5v-14h9.5l-2 3.5 2 3.5H5', 18)
export const Block = icon('M5 5l10 10M10 2.5a7.5 7.5 0 1 0 0 15a7.5 7.5 0 1 0 0-15', 18)

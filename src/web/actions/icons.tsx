/** Renders the icons of the actions that a user can take on a message. */
import { Icon } from '../icons.tsx'

export const Reply = () => (
  <Icon size={18}>
    <path d="M8 4.5L3 9.5l5 5M3.5 9.5H12c3 0 5 2 5 5.5" />
  </Icon>
)

export const Smile = () => (
  <Icon size={18}>
    <circle cx="10" cy="10" r="7.5" />
    <path d="M6.8 11.8c1.6 2.4 4.8 2.4 6.4 0M7.4 7.6v.4M12.6 7.6V8" />
  </Icon>
)

export const Pencil = () => (
  <Icon size={18}>
    <path d="M3.5 16.5l1-4 8.7-8.7a1.8 1.8 0 0 1 2.6 0l.4.4a1.8 1.8 0 0 1 0 2.6l-8.7 8.7zM11.5 5.5l3 3" />
  </Icon>
)

export const Copy = () => (
  <Icon size={18}>
    <rect x="7" y="7" width="10" height="10" rx="2" />
    <path d="M13 7V5a2 2 0 0 0-2-2H5a2 2 0 0 0-2 2v6a2 2 0 0 0 2 2h2" />
  </Icon>
)

export const Trash = () => (
  <Icon size={18}>
    <path d="M3.5 5.5h13M8 5.5V3.5h4v2M5.5 5.5l.7 11h7.6l.7-11M8.5 9v4.5M11.5 9v4.5" />
  </Icon>
)

export const Flag = () => (
  <Icon size={18}>
    <path d="M5 17.5v-14h9.5l-2 3.5 2 3.5H5" />
  </Icon>
)

export const Block = () => (
  <Icon size={18}>
    <circle cx="10" cy="10" r="7" />
    <path d="M5 5l10 10" />
  </Icon>
)

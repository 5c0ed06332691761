/** Renders who has read a room up to a message. */
import { Avatar } from './avatar.tsx'
import type { NamedUser } from './mentions.ts'

/** Maximum number of users that are shown with their initials. */
const MAX_SHOWN = 5

export const Readers = ({ readers }: { readonly readers: readonly NamedUser[] }) => {
  if (readers.length === 0) return null
  const text = `Read by ${readers.map(({ username }) => username).join(', ')}`
  return (
    <p class="readers" title={text}>
      <span class="hidden">{text}</span>
      {readers.slice(0, MAX_SHOWN).map(({ id, username }) => (
        <Avatar key={id} id={id} name={username} />
      ))}
      {readers.length > MAX_SHOWN && <span aria-hidden="true">+{readers.length - MAX_SHOWN}</span>}
    </p>
  )
}

/** Renders a user's initials on a colour. Hidden from screen readers, because the name is always beside the initials. */
import { hueOf, initialsOf } from './names.ts'

interface AvatarProps {
  /** Selects the colour; undefined until the service has sent the user's id. */
  readonly id: number | undefined
  readonly name: string
}

export const Avatar = ({ id = 0, name }: AvatarProps) => (
  // The CSP allows this style, because Preact sets it by script and not as an attribute.
  <span class="avatar" style={{ '--hue': hueOf(id) }} aria-hidden="true">
    {initialsOf(name)}
  </span>
)

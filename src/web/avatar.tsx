/** A person as coloured initials; decoration beside their name. */
import { hueOf, initialsOf } from './names.ts'

interface AvatarProps {
  /** Decides the colour; undefined while one isn't greeted yet. */
  readonly id: number | undefined
  readonly name: string
}

export const Avatar = ({ id = 0, name }: AvatarProps) => (
  <span class={`avatar hue-${hueOf(id)}`} aria-hidden="true">
    {initialsOf(name)}
  </span>
)

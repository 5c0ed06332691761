/** A person as coloured initials; decoration beside their name. */
import { hueOf, initialsOf } from './names.ts'

export const Avatar = ({ name }: { readonly name: string }) => (
  <span class={`avatar hue-${hueOf(name)}`} aria-hidden="true">
    {initialsOf(name)}
  </span>
)

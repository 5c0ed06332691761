/** Icons, drawn in the colour of the text beside them. All are decorative and hidden from screen readers. */
import type { ComponentChildren } from 'preact'

export const Icon = ({ children, size = 20 }: { readonly children: ComponentChildren; readonly size?: number }) => (
  <svg
    class="icon"
    aria-hidden="true"
    width={size}
    height={size}
    viewBox="0 0 20 20"
    fill="none"
    stroke="currentColor"
    stroke-width="1.75"
    stroke-linecap="round"
    stroke-linejoin="round"
  >
    {children}
  </svg>
)

export const Check = () => (
  <Icon size={14}>
    <path d="M4 10.5l4 4 8-9" />
  </Icon>
)

export const Dot = () => (
  <Icon size={14}>
    <circle cx="10" cy="10" r="2" />
  </Icon>
)

export const Menu = () => (
  <Icon>
    <path d="M3 6h14M3 10h14M3 14h9" />
  </Icon>
)

export const People = () => (
  <Icon>
    <circle cx="7.5" cy="7" r="3" />
    <path d="M2 17c0-3 2.4-5 5.5-5s5.5 2 5.5 5M13.5 4.3a3 3 0 0 1 0 5.4M15 12.4c1.9.7 3 2.4 3 4.6" />
  </Icon>
)

export const Info = () => (
  <Icon>
    <path d="M10 9v5M10 6h0M10 2.5a7.5 7.5 0 1 0 0 15a7.5 7.5 0 1 0 0-15" />
  </Icon>
)

export const Plus = () => (
  <Icon>
    <path d="M10 4v12M4 10h12" />
  </Icon>
)

export const Cross = () => (
  <Icon>
    <path d="M5 5l10 10M15 5L5 15" />
  </Icon>
)

export const Leave = () => (
  <Icon>
    <path d="M8 3H4v14h4M8 10h9M14 6.5l3.5 3.5-3.5 3.5" />
  </Icon>
)

export const Shield = () => (
  <Icon>
    <path d="M10 2.5l6.5 2.3v4.7c0 4-2.7 6.7-6.5 8-3.8-1.3-6.5-4-6.5-8V4.8zM7.2 10l2 2 3.6-3.8" />
  </Icon>
)

export const Send = () => (
  <Icon>
    <path d="M10 16V4M4.5 9.5L10 4l5.5 5.5" />
  </Icon>
)

export const Down = () => (
  <Icon size={16}>
    <path d="M10 4v12M4.5 10.5L10 16l5.5-5.5" />
  </Icon>
)

export const Clock = () => (
  <Icon size={14}>
    <circle cx="10" cy="10" r="7.5" />
    <path d="M10 5.5V10l3 2" />
  </Icon>
)

export const More = () => (
  <Icon size={18}>
    <path d="M4.5 10h.01M10 10h.01M15.5 10h.01" stroke-width="2.6" />
  </Icon>
)

export const Pin = ({ size = 14 }: { readonly size?: number }) => (
  <Icon size={size}>
    <path d="M7.5 3h5l-.6 5.5 3.1 3V13H5v-1.5l3.1-3zM10 13v4.5" />
  </Icon>
)

export const Logo = () => (
  <svg class="logo" aria-hidden="true" viewBox="0 0 32 32">
    <path fill="currentColor" d="M7 4h18a5 5 0 0 1 5 5v10a5 5 0 0 1-5 5H15l-7 6v-6H7a5 5 0 0 1-5-5V9a5 5 0 0 1 5-5z" />
    <g class="logo-dots">
      <circle cx="10" cy="14" r="2" />
      <circle cx="16" cy="14" r="2" />
      <circle cx="22" cy="14" r="2" />
    </g>
  </svg>
)

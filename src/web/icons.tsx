/**
 * Defines the icons, which are drawn in the colour of the text beside them. All icons are decorative and hidden from screen
 * readers.
 */

/** Creates an icon from a path that is drawn in a square of 20 units. `usual` is the default size in pixels. */
export const icon =
  (path: string, usual = 20) =>
  ({ size = usual }: { readonly size?: number }) => (
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
      <path d={path} />
    </svg>
  )

export const Check = icon('M4 10.5l4 4 8-9', 14)
export const Dot = icon('M8 10a2 2 0 1 0 4 0a2 2 0 1 0-4 0', 14)
export const Menu = icon('M3 6h14M3 10h14M3 14h9')
export const People = icon(
  'M4.5 7a3 3 0 1 0 6 0a3 3 0 1 0-6 0M2 17c0-3 2.4-5 5.5-5s5.5 2 5.5 5M13.5 4.3a3 3 0 0 1 0 5.4M15 12.4c1.9.7 3 2.4 3 4.6'
)
export const Info = icon('M10 9v5M10 6h0M10 2.5a7.5 7.5 0 1 0 0 15a7.5 7.5 0 1 0 0-15')
export const Plus = icon('M10 4v12M4 10h12')
export const Cross = icon('M5 5l10 10M15 5L5 15')
export const Leave = icon('M8 3H4v14h4M8 10h9M14 6.5l3.5 3.5-3.5 3.5')
export const Shield = icon('M10 2.5l6.5 2.3v4.7c0 4-2.7 6.7-6.5 8-3.8-1.3-6.5-4-6.5-8V4.8zM7.2 10l2 2 3.6-3.8')
export const Send = icon('M10 16V4M4.5 9.5L10 4l5.5 5.5')
export const Down = icon('M10 4v12M4.5 10.5L10 16l5.5-5.5', 16)
export const Clock = icon('M10 5.5V10l3 2M10 2.5a7.5 7.5 0 1 0 0 15a7.5 7.5 0 1 0 0-15', 14)
export const More = icon('M4 10h1M9.5 10h1M15 10h1', 18)
export const Pin = icon('M7.5 3h5l-.6 5.5 3.1 3V13H5v-1.5l3.1-3zM10 13v4.5', 14)
export const Lock = icon('M4.5 9h11v8h-11zM7 9V6a3 3 0 0 1 6 0v3', 14)

export const Logo = () => (
  <svg class="logo" aria-hidden="true" viewBox="0 0 32 32">
    <path fill="currentColor" d="M7 4h18a5 5 0 0 1 5 5v10a5 5 0 0 1-5 5H15l-7 6v-6H7a5 5 0 0 1-5-5V9a5 5 0 0 1 5-5z" />
    <path class="logo-dots" d="M10 14h0M16 14h0M22 14h0" />
  </svg>
)

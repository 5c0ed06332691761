/** Renders a text as a QR code. Uses one SVG path, because the page’s CSP does not allow `data:` images. */
import { correction, generate } from 'lean-qr/nano'

/** Width in modules of the light border that QR code scanners need (ISO/IEC 18004, 5.3.8). */
const BORDER = 4

export const QrCode = ({ text, label }: { readonly text: string; readonly label: string }) => {
  const modules = generate(text, { minCorrectionLevel: correction.M })
  const size = modules.size + 2 * BORDER
  let path = ''
  for (let row = 0; row < modules.size; row++) {
    for (let column = 0; column < modules.size; column++) {
      if (modules.get(column, row)) path += `M${column + BORDER} ${row + BORDER}h1v1h-1z`
    }
  }
  return (
    <svg class="qr" role="img" aria-label={label} viewBox={`0 0 ${size} ${size}`} shape-rendering="crispEdges">
      <path d={path} />
    </svg>
  )
}

/** Renders a text as a QR code. Uses one SVG path, because the page’s CSP does not allow `data:` images. */
// Only the encoder is imported, without the parts that draw.
import { create } from 'qrcode/lib/core/qrcode.js'

/** The light border that readers need, in modules (ISO/IEC 18004, 5.3.8). */
const BORDER = 4

export const QrCode = ({ text, label }: { readonly text: string; readonly label: string }) => {
  const { modules } = create(text, { errorCorrectionLevel: 'M' })
  const size = modules.size + 2 * BORDER
  let path = ''
  for (let row = 0; row < modules.size; row++) {
    for (let column = 0; column < modules.size; column++) {
      if (modules.get(row, column)) path += `M${column + BORDER} ${row + BORDER}h1v1h-1z`
    }
  }
  return (
    <svg class="qr" role="img" aria-label={label} viewBox={`0 0 ${size} ${size}`} shape-rendering="crispEdges">
      <path d={path} />
    </svg>
  )
}

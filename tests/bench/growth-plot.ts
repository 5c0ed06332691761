/** Draws one panel with logarithmic axes for each row about growth. */
import { escaped } from './plot.ts'
import { figure } from './report.ts'
import { type Row, spread } from './rows.ts'

const PANEL = { width: 400, height: 190 }
const PLOT = { left: 56, top: 44, width: 320, height: 100, inset: 24 }
const COLUMNS = 2

interface Point {
  readonly size: number
  readonly value: number
}

const pointsOf = ({ runs }: Row): Point[] =>
  [...runs].map(([size, all]) => ({ size: Number(size), value: spread(all).median }))

/** Returns the exponents of two powers of ten that enclose the values. The exponents differ by at least two. */
const decades = (values: readonly number[]): [number, number] => {
  const logs = values.filter(value => value > 0).map(Math.log10)
  const low = Math.floor(Math.min(...logs))
  return [low, Math.max(low + 2, Math.ceil(Math.max(...logs)))]
}

const panel = (row: Row, left: number, top: number): string => {
  const points = pointsOf(row).filter(({ value }) => value > 0)
  const [low, high] = decades(points.map(({ value }) => value))
  const [first, last] = decades(points.map(({ size }) => size))
  const x = ({ size }: Point) =>
    PLOT.left + PLOT.inset + ((PLOT.width - 2 * PLOT.inset) * (Math.log10(size) - first)) / (last - first)
  const y = (value: number) => PLOT.top + PLOT.height * (1 - (Math.log10(value) - low) / (high - low))
  const lines = Array.from({ length: high - low + 1 }, (_, at) => 10 ** (low + at)).map(
    value =>
      `<path d="M${PLOT.left} ${y(value)}h${PLOT.width}" stroke="#ddd"/><text x="${PLOT.left - 6}" y="${y(value) + 4}" text-anchor="end">${value.toLocaleString('en')}</text>`
  )
  const dots = points.map(point => {
    const [cx, cy] = [x(point), y(point.value)]
    return [
      `<circle cx="${cx}" cy="${cy}" r="3.5" fill="#2a7f62"/>`,
      `<text x="${cx}" y="${cy - 8}" text-anchor="middle">${figure(point.value)}</text>`,
      `<text x="${cx}" y="${PLOT.top + PLOT.height + 18}" text-anchor="middle">${point.size.toLocaleString('en')}</text>`
    ].join('')
  })
  return [
    `<g transform="translate(${left} ${top})">`,
    `<text x="8" y="18" font-weight="bold">${escaped(`${row.short ?? row.title}, ${row.unit}`)}</text>`,
    ...lines,
    `<polyline points="${points.map(point => `${x(point)},${y(point.value)}`).join(' ')}" fill="none" stroke="#2a7f62" stroke-width="1.5"/>`,
    ...dots,
    `<text x="${PLOT.left + PLOT.width / 2}" y="${PLOT.top + PLOT.height + 36}" text-anchor="middle" fill="#555">${escaped(row.growing ?? '')}</text>`,
    '</g>'
  ].join('')
}

export const asGrowthPlot = (rows: readonly Row[]): string => {
  const growing = rows.filter(({ growing }) => growing !== undefined)
  const width = PANEL.width * COLUMNS
  const height = PANEL.height * Math.ceil(growing.length / COLUMNS)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="11" role="img" aria-label="Costs by the number of sockets, rooms and stored messages">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...growing.map((row, at) => panel(row, (at % COLUMNS) * PANEL.width, Math.floor(at / COLUMNS) * PANEL.height)),
    '</svg>',
    ''
  ].join('\n')
}

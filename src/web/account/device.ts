/** Derives the name of a device from its User-Agent, for the list of sessions and the audit log. */

/**
 * Maps a part of a User-Agent header to the name of the browser. The order matters, because the User-Agent of a browser also
 * names other, compatible browsers.
 */
const BROWSERS: readonly (readonly [part: string, name?: string])[] = [
  ['Edg', 'Edge'],
  ['OPR/', 'Opera'],
  ['Opera'],
  ['SamsungBrowser', 'Samsung Internet'],
  ['Firefox'],
  ['FxiOS', 'Firefox'],
  ['Chrom', 'Chrome'],
  ['CriOS', 'Chrome'],
  ['Safari']
]
const SYSTEMS: typeof BROWSERS = [
  ['iPhone'],
  ['iPad'],
  ['Android'],
  ['Windows'],
  ['Mac OS X', 'macOS'],
  ['CrOS', 'ChromeOS'],
  ['Linux']
]

/** Returns, for example, `Firefox on Linux`. For a program that is not a browser, returns the name of the program. */
export const deviceOf = (userAgent: string | null | undefined): string => {
  if (!userAgent) return 'Unknown device'
  const find = (list: typeof BROWSERS): string | undefined => {
    const [part, name = part] = list.find(([part]) => userAgent.includes(part)) ?? []
    return name
  }
  const [browser, system] = [find(BROWSERS), find(SYSTEMS)]
  if (browser && system) return `${browser} on ${system}`
  return browser ?? userAgent.split(/[\s/(]/)[0]?.slice(0, 40) ?? 'Unknown device'
}

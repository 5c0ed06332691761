/** Checks a page with the rules of axe-core. */
import axe from 'axe-core'
import type { Page } from 'playwright-core'

/** Time in milliseconds between two checks. */
const AGAIN_MS = 1000

const findingsOf = async (page: Page): Promise<string[]> => {
  const { violations } = (await page.evaluate("axe.run({ resultTypes: ['violations'] })")) as axe.AxeResults
  return violations.flatMap(({ id, impact, nodes }) =>
    nodes.map(node => `${impact} ${id}: ${node.html.slice(0, 120)} ${node.failureSummary}`)
  )
}

/**
 * Returns the findings as text. If the first check has findings, returns only those of a second check one second later, because
 * the page may have been changing during the first check.
 */
export const problemsOf = async (page: Page): Promise<string[]> => {
  if (await page.evaluate("typeof axe === 'undefined'")) await page.evaluate(axe.source)
  if ((await findingsOf(page)).length === 0) return []
  await page.waitForTimeout(AGAIN_MS)
  return findingsOf(page)
}

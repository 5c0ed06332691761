/** Checks a page with the rules of axe-core. */
import axe from 'axe-core'
import type { Page } from 'playwright-core'

/** Returns all findings as text. */
export const problemsOf = async (page: Page): Promise<string[]> => {
  if (await page.evaluate("typeof axe === 'undefined'")) await page.evaluate(axe.source)
  const { violations } = (await page.evaluate("axe.run({ resultTypes: ['violations'] })")) as axe.AxeResults
  return violations.flatMap(({ id, impact, nodes }) =>
    nodes.map(node => `${impact} ${id}: ${node.html.slice(0, 120)} ${node.failureSummary}`)
  )
}

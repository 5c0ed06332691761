/** Renders a mail as plain text and as HTML. */
import type { MailData, MailTemplate } from './templates.ts'

export interface RenderedMail {
  readonly subject: string
  readonly text: string
  readonly html: string
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const escaped = (text: string): string => text.replace(/[&<>"]/g, character => ENTITIES[character] ?? character)

/** Renders a template. `link` is required if the template has a link. */
export const renderMail = (template: MailTemplate, data: MailData, link?: string): RenderedMail => {
  const [first = '', ...rest] = template.paragraphs(data)
  const label = template.link?.label
  const text = [first, ...(link ? [link] : []), ...rest].join('\n\n')
  const paragraphs = [
    escaped(first),
    ...(link && label ? [`<a href="${escaped(link)}">${escaped(label)}</a>`] : []),
    ...rest.map(escaped)
  ]
  const body = paragraphs.map(paragraph => `<p>${paragraph}</p>`).join('\n')
  return {
    subject: template.subject(data),
    text: `${text}\n`,
    html: `<!doctype html>\n<html lang="en"><body>\n${body}\n</body></html>\n`
  }
}

import { expect, test } from 'vitest'
import { renderMail } from '../../../src/accounts/mail/render.ts'
import { MAIL_TEMPLATES, type MailKind, type MailTemplate, templateOf } from '../../../src/accounts/mail/templates.ts'

const data = { username: 'john', site: 'chat.example.com', params: {} }
const kinds = Object.keys(MAIL_TEMPLATES) as MailKind[]

test.each(kinds)('the mail %s names the service, and contains a link only if its template has one', kind => {
  const template = templateOf(kind) as MailTemplate
  const link = template.link && `https://chat.example.com/app#${template.link.fragment}=abc`
  const { subject, text, html } = renderMail(template, data, link)
  expect(subject).toMatch(/^[^\r\n]{5,78}$/)
  expect(subject).toContain('chat.example.com')
  expect(text).toContain('john')
  expect(text.match(/https?:\/\/\S+/g) ?? []).toEqual(link ? [link] : [])
  expect(html.match(/href="[^"]*"/g) ?? []).toEqual(link ? [`href="${link}"`] : [])
})

test('HTML is escaped', () => {
  const template = templateOf('password_changed') as MailTemplate
  const { html, text } = renderMail(template, { ...data, username: '<b>"&' })
  expect(html).toContain('&lt;b&gt;&quot;&amp;')
  expect(html).not.toContain('<b>')
  expect(text).toContain('<b>"&')
})

test('names of properties of every object are not kinds of mail', () => {
  expect(templateOf('constructor')).toBeUndefined()
})

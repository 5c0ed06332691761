/** Exports the forms that are shown to people who are not logged in, so that they are loaded together. */
export { Login } from './login.tsx'
export { MailLinkForm } from './mail-link-form.tsx'

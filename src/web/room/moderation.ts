/** Exports what moderators use in the dialog of a room, so that it is loaded together. */
export { DeleteRoom } from './delete-room.tsx'
export { InvitationsSection } from './invitations.tsx'
export { ReportsList, ReportsSection } from './reports.tsx'
export { Restrict } from './restrict.tsx'
export { RestrictionsSection } from './restrictions.tsx'
export { SettingsForm } from './settings.tsx'
